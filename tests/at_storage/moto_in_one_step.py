"""The S3 server of moto, whose conditional puts are one step, as those of S3 are.

moto asks whether there is an object and then writes it, in threads that may be interrupted in between: of many writers two
may win, rarely.
"""

import threading

from moto.s3.responses import S3Response
from moto.server import main

lock = threading.Lock()
put_object = S3Response.put_object


def put_object_in_one_step(self):
    with lock:
        return put_object(self)


S3Response.put_object = put_object_in_one_step

if __name__ == "__main__":
    main()
