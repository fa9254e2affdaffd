// One neutral form for every SCALE value, written by walking the metadata's type beside the decoded value.
//
// polkadot.js decodes the bytes; names and shapes come from the type in the metadata, because
// polkadot.js renames fields to camelCase and gives many types a form of its own.
//   integer, Compact, U256   decimal string            bool      true / false
//   bytes, [u8; N], hashes   "0x…"                     text      string
//   AccountId                SS58 with prefix 42       Option    null or the value
//   enum                     {"Variant": inner}; [] for no fields, the value for one unnamed field,
//                            an array for several, an object for named fields
//   struct                   object with the metadata's field names; a single unnamed field is unwrapped
//   Vec, array, tuple        array; () is []           map       array of [key, value]
//   call                     {pallet, call, args: [{name, value}]}
import { u8aToHex } from '@polkadot/util';
import { encodeAddress } from '@polkadot/util-crypto';

const ADDRESS = new Set(['sp_core::crypto::AccountId32']);
const CALL = /(^|::)(RuntimeCall|Call)$/;

export class Normaliser {
  constructor(registry) {
    this.registry = registry;
    this.pallets = new Map(registry.metadata.pallets.map((pallet) => [pallet.index.toNumber(), pallet]));
  }

  type(id) { return this.registry.lookup.getSiType(id); }

  /** `value`, decoded by polkadot.js, in the form that the type `id` of the metadata prescribes. */
  value(id, value) {
    const { def, path } = this.type(id);
    const name = path.map(String).join('::');
    if (ADDRESS.has(name)) return encodeAddress(value.toU8a(), 42);
    if (name === 'primitive_types::U256') return value.toBn().toString(10);
    if (def.isCompact) return this.value(def.asCompact.type, value.unwrap());
    if (def.isPrimitive) return primitive(def.asPrimitive.type, value);
    if (def.isTuple) return def.asTuple.map((inner, i) => this.value(inner, value[i]));
    if (def.isSequence) return this.list(def.asSequence.type, value);
    if (def.isArray) return this.list(def.asArray.type, value);
    if (def.isComposite) return this.composite(def.asComposite.fields, name, value);
    if (def.isVariant) return this.variant(def.asVariant.variants, name, value);
    throw new Error(`no normal form for ${def.type} (${name})`);
  }

  list(item, value) {
    const { def } = this.type(item);
    if (def.isPrimitive && def.asPrimitive.isU8) return u8aToHex(rawBytes(value));
    return [...value].map((inner) => this.value(item, inner));
  }

  composite(fields, name, value) {
    if (value instanceof Map && name.startsWith('BTree')) return this.map(fields[0].type, value);
    if (value instanceof Set) return this.list(this.type(fields[0].type).def.asSequence.type, [...value]);
    if (fields.length === 1 && fields[0].name.isNone) return this.value(fields[0].type, value);
    return this.fields(fields, fields.length === 0 ? [] : [...value.values()]);
  }

  map(entries, value) {
    const [key, inner] = this.type(this.type(entries).def.asSequence.type).def.asTuple;
    return [...value.entries()].map(([k, v]) => [this.value(key, k), this.value(inner, v)]);
  }

  /** Fields with names make an object, fields without an array. */
  fields(fields, values) {
    if (fields.length !== values.length) throw new Error(`${fields.length} fields, but ${values.length} values`);
    const list = fields.map(({ type }, i) => this.value(type, values[i]));
    if (fields.length === 0 || fields[0].name.isNone) return list;
    return Object.fromEntries(fields.map(({ name }, i) => [name.unwrap().toString(), list[i]]));
  }

  variant(variants, name, value) {
    if (name === 'Option') return value.isNone ? null : this.value(some(variants).fields[0].type, value.unwrap());
    if (CALL.test(name) && value.callIndex) return this.call(value);
    const variant = variants.find(({ index }) => index.eq(value.index));
    const { fields } = variant;
    return { [variant.name.toString()]: this.inner(fields, value.inner ?? value.value) };
  }

  /** What a variant holds; polkadot.js gives one unnamed field as itself and several as a tuple or a struct. */
  inner(fields, value) {
    if (fields.length === 0) return [];
    if (fields[0].name.isSome) return this.fields(fields, [...value.values()]);
    if (fields.length === 1) return this.value(fields[0].type, value);
    return this.fields(fields, [...value]);
  }

  call(call) {
    const [palletIndex, callIndex] = call.callIndex;
    const pallet = this.pallets.get(palletIndex);
    const { name, fields } = this.member(pallet.calls, callIndex);
    return {
      pallet: pallet.name.toString(),
      call: name.toString(),
      args: fields.map((field, i) => ({ name: field.name.unwrap().toString(), value: this.value(field.type, call.args[i]) })),
    };
  }

  event(event) {
    const [palletIndex, eventIndex] = event.index;
    const pallet = this.pallets.get(palletIndex);
    const { name, fields } = this.member(pallet.events, eventIndex);
    return {
      pallet: pallet.name.toString(),
      event: name.toString(),
      fields: fields.map((field, i) => this.value(field.type, event.data[i])),
      field_names: fields.map((field) => (field.name.isSome ? field.name.unwrap().toString() : null)),
    };
  }

  /** The error of a failed extrinsic by name; `value` is the normal form of its DispatchError. */
  error(value) {
    const [kind, inner] = Object.entries(value)[0];
    if (kind !== 'Module') return { pallet: null, name: Array.isArray(inner) ? kind : `${kind}.${Object.keys(inner)[0]}` };
    const pallet = this.pallets.get(Number(inner.index));
    const { name } = this.member(pallet.errors, parseInt(inner.error.slice(2, 4), 16));
    return { pallet: pallet.name.toString(), name: name.toString() };
  }

  member(kind, index) {
    return this.type(kind.unwrap().type).def.asVariant.variants.find((variant) => variant.index.eq(index));
  }
}

const some = (variants) => variants.find(({ name }) => name.eq('Some'));

function primitive(type, value) {
  if (type === 'Bool') return value.isTrue;
  if (type === 'Str' || type === 'Char') return value.toString();
  return value.toString(10);
}

/** Bytes as they are, without the length that `Bytes` puts before them when it encodes itself. */
function rawBytes(value) {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  return Uint8Array.from([...value].map((byte) => byte.toNumber()));
}
