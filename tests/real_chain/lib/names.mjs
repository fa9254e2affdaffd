// Names: the API's spelling of them, and the ones that only this chain knows.
export { stringCamelCase as camelCase } from '@polkadot/util';

const NOTHING = { extrinsic: {}, payload: {} };
/** Subtensor's own signed extensions add no bytes to an extrinsic. */
export const SIGNED_EXTENSIONS = { SubtensorSignedExtension: NOTHING, CommitmentsSignedExtension: NOTHING };
