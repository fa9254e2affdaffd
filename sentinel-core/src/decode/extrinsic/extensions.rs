//! What lies between the length of an extrinsic and its call: the transaction extensions, one after the other.

use super::{BARE, Extrinsic, SIGNED};
use crate::decode::cursor::Cursor;
use crate::decode::decoded::Decoded;
use crate::decode::error::DecodeError;
use crate::decode::runtime::{Extension, Runtime};
use crate::decode::walk::skip;

/// The transaction extensions of one extrinsic, in order: name, and value.
#[derive(Debug)]
pub struct Extensions<'r, 'b> {
    runtime: &'r Runtime,
    left: std::slice::Iter<'r, Extension>,
    bytes: &'b [u8],
    cursor: Cursor<'b>,
}

impl<'r, 'b> Extrinsic<'r, 'b> {
    /// The extrinsic without its length prefix.
    pub fn body(&self) -> &'b [u8] {
        let mut cursor = Cursor::new(self.bytes);
        // Reading the envelope checked that the rest is as long as it says.
        let _ = cursor.byte_len();
        &self.bytes[cursor.pos()..]
    }

    /// Its transaction extensions; none if it is bare. Those without content are among them, with no bytes.
    pub fn extensions(&self) -> Result<Extensions<'r, 'b>, DecodeError> {
        let mut cursor = Cursor::new(self.bytes);
        cursor.byte_len()?;
        let mut set = None;
        match cursor.byte()? >> 6 {
            BARE => {}
            SIGNED => {
                skip(&self.runtime.plans, self.runtime.parts.address, &mut cursor)?;
                skip(&self.runtime.plans, self.runtime.parts.signature, &mut cursor)?;
                set = Some(0);
            }
            _ => set = Some(cursor.byte()?),
        }
        let known = set.and_then(|set| self.runtime.extension_set(set)).unwrap_or_default();
        Ok(Extensions { runtime: self.runtime, left: known.iter(), bytes: self.bytes, cursor })
    }
}

impl<'r, 'b> Iterator for Extensions<'r, 'b> {
    type Item = Result<(&'r str, Decoded<'r, 'b>), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let extension = self.left.next()?;
        let start = self.cursor.pos();
        if let Err(error) = skip(&self.runtime.plans, extension.plan, &mut self.cursor) {
            self.left = [].iter();
            return Some(Err(error.inside(extension.name.as_str())));
        }
        let data = &self.bytes[..self.cursor.pos()];
        let value = Decoded { plans: &self.runtime.plans, plan: extension.plan, data, start };
        Some(Ok((extension.name.as_str(), value)))
    }
}
