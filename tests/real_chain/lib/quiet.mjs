// Silences Chopsticks; to be imported first, because it reads LOG_LEVEL while loading.
// Its errors reach the caller anyway: as the answer to a call, or as a block that is not there.
process.env.LOG_LEVEL ??= 'fatal';
