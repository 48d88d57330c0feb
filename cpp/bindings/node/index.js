'use strict'
// torchferry for Node: opens a bundle, runs it, and replays its goldens. libferry, the C++ half of torchferry, does the work.
//
//   const ferry = require('torchferry')
//   const bundle = ferry.openBundle('exported/digits-mlp')
//   const session = bundle.session('onnxruntime')
//   const { label } = session.run({ image: { shape: [1, 8, 8], data: pixels } })
//   console.log(label.data[0], bundle.verify().passed)
//
// Every failure is an Error whose `code` is the exit code of FORMAT.md section 11.

const native = require(process.env.FERRY_NODE || './build/ferry.node')

const DTYPES = ['bool', 'uint8', 'int8', 'int16', 'int32', 'int64', 'float32', 'float64', 'float16', 'bfloat16']
// The bits of float16 and bfloat16: not every Node has a Float16Array.
const ARRAYS = [Uint8Array, Uint8Array, Int8Array, Int16Array, Int32Array, BigInt64Array, Float32Array, Float64Array, Uint16Array, Uint16Array]

const spec = ({ name, dtype, shape }) => ({ name, dtype: DTYPES[dtype], shape })

const named = (outputs) =>
  Object.fromEntries(outputs.map(({ name, dtype, shape, data }) => [name, { dtype: DTYPES[dtype], shape, data }]))

const LARGEST = 2 ** 31 - 1
const CENTURY_S = 100 * 365 * 86400

function refuse(code, message) {
  throw Object.assign(new Error(message), { code })
}

function text(name, value) {
  if (typeof value !== 'string' || value.includes('\0')) refuse(2, `${name}: got ${JSON.stringify(value)}, expected a text`)
  return value
}

const shown = (value) => (typeof value === 'string' ? `'${value}'` : String(value))

// A whole number that C has too: others would wrap or lose their fraction.
function whole(name, value, least = -LARGEST) {
  if (Number.isInteger(value) && value >= least && value <= LARGEST) return value
  return refuse(2, `${name}: got ${shown(value)}, expected a whole number, ${least} to ${LARGEST}`)
}

function seconds(name, value, unit = 1) {
  if (typeof value === 'number' && value >= 0 && value <= CENTURY_S * unit) return value
  return refuse(2, `${name}: got ${shown(value)}, expected a time, 0 to ${CENTURY_S * unit}`)
}

const microseconds = (name, milliseconds) => Math.round(seconds(name, milliseconds, 1000) * 1000)

// Only this package makes handles.
const OURS = Symbol('torchferry')

function made(key, name, by) {
  if (key !== OURS) refuse(2, `${name}: got a call of its constructor, expected ${by}`)
}

class Bundle {
  #handle

  constructor(key, handle) {
    made(key, 'Bundle', 'openBundle or openMemory')
    const { name, digest, manifest, engines, classes, inputs, outputs } = native.describeBundle(handle)
    this.#handle = handle
    Object.assign(this, { name, digest, manifest: JSON.parse(manifest), engines, classes })
    Object.assign(this, { inputs: inputs.map(spec), outputs: outputs.map(spec) })
  }

  // Lets later sessions run machine code of the bundle, which has all rights of this process.
  allowNative() { native.allowNative(this.#handle) }

  // Lets TorchScript use an operator, as `aten::as_strided`, that may do more than compute.
  allowOperator(name) { native.allowOperator(this.#handle, text('operator', name)) }

  // Lets later sessions run their model in a child process that can do nothing but compute.
  isolate() { native.isolate(this.#handle) }

  // Seconds for opening and for each call of later sessions; 0: no limit.
  setTimeout(limit) { native.setTimeout(this.#handle, seconds('timeout', limit)) }

  // One engine of the bundle, warmed up.
  session(engine, { device = 'cpu', threads = 1 } = {}) {
    const where = [text('engine', engine), text('device', device), whole('threads', threads)]
    return new Session(OURS, native.openSession(this.#handle, ...where), this)
  }

  // A session of its own whose calls are joined to larger ones: up to `most` samples, a call waiting `wait` milliseconds for others,
  // `queue` samples at most. With `keepBits` only an engine that computes one sample after the other, `c` or `c-int8`: each answer
  // has the bits of a call of its own.
  batcher(engine, { device = 'cpu', threads = 1, most = 16, wait = 1, queue = 1024, keepBits = true } = {}) {
    const where = [text('engine', engine), text('device', device), whole('threads', threads)]
    const joined = [whole('most', most, 0), microseconds('wait', wait), whole('queue', queue, 0), Boolean(keepBits)]
    return new Batcher(OURS, native.openBatcher(this.#handle, ...where, ...joined), this)
  }

  // Replays the goldens on one engine, or on all that can run here: { passed, verdicts, problem }.
  verify({ engine = null, device = 'cpu', threads = 1, calls = 1 } = {}) {
    const name = engine === null ? null : text('engine', engine)
    const numbers = [whole('threads', threads), whole('calls', calls)]
    const { passed, json, problem } = native.verify(this.#handle, name, text('device', device), ...numbers)
    return { passed, verdicts: JSON.parse(json), problem }
  }
}

class Session {
  #handle
  #inputs
  #outputs

  constructor(key, handle, { inputs, outputs } = {}) {
    made(key, 'Session', 'bundle.session')
    this.#handle = handle
    this.#inputs = new Lender('input', inputs)
    this.#outputs = new Lender('output', outputs)
    Object.assign(this, native.describeSession(handle))
  }

  // Computes the outputs { name: { dtype, shape, data } } of inputs { name: { shape, data } }; data are typed arrays in C order,
  // which are lent, not copied.
  run(inputs) { return named(native.run(this.#handle, this.#inputs.lend(inputs))) }

  // The same into typed arrays of the caller, { name: { shape, data } }, which have the dtypes and shapes that the outputs of these
  // inputs have. What they hold after a failure is not defined.
  runInto(inputs, outputs) { native.runInto(this.#handle, this.#inputs.lend(inputs), this.#outputs.lend(outputs)) }

  // Frees the model.
  close() { native.closeSession(this.#handle) }
}

class Batcher {
  #handle
  #inputs

  constructor(key, handle, { inputs } = {}) {
    made(key, 'Batcher', 'bundle.batcher')
    this.#handle = handle
    this.#inputs = new Lender('input', inputs)
  }

  // Copies the inputs and gives a Call. One that has not begun within `limit` milliseconds is refused, as is one for which the queue
  // is full.
  submit(inputs, { limit = null } = {}) {
    const wait = limit === null ? -1 : microseconds('limit', limit)
    return new Call(OURS, native.submit(this.#handle, this.#inputs.lend(inputs), wait))
  }

  // A promise of the outputs.
  async run(inputs, options) { return this.submit(inputs, options).result }

  // Runs every call that waits, then frees the model.
  close() { native.closeBatcher(this.#handle) }
}

class Call {
  #handle

  constructor(key, handle) {
    made(key, 'Call', 'batcher.submit')
    this.#handle = handle
    this.result = native.getCall(handle).then(named)  // a promise of the outputs, as those of Session.run
    this.result.catch(() => {})  // a call that nobody asks for does not end the program
  }

  // Takes the call back; throws where it has begun.
  cancel() {
    try {
      native.cancelCall(this.#handle)
    } catch (error) {
      if (error.code !== 2) throw error
      // `result` has taken the answer: whoever cancels sees a call that was answered.
      refuse(1, 'call: got one that has begun or was cancelled, expected one that waits')
    }
  }
}

// Named typed arrays as [[name, dtype, shape, data], ...]
class Lender {
  #what
  #dtypes

  constructor(what, specs) {
    this.#what = what
    this.#dtypes = Object.fromEntries(specs.map(({ name, dtype }) => [name, DTYPES.indexOf(dtype)]))
  }

  lend(tensors) {
    if (typeof tensors !== 'object' || tensors === null) refuse(7, `${this.#what}s: got ${shown(tensors)}, expected tensors by name`)
    return Object.entries(tensors).map(([name, tensor]) => {
      if (typeof tensor !== 'object' || tensor === null)
        refuse(7, `${this.#what} ${name}: got ${shown(tensor)}, expected a shape and a typed array`)
      return [name, this.#dtype(name, tensor.data), this.#shape(name, tensor.shape), tensor.data]
    })
  }

  // A copy, in which C sees whole numbers and no getters.
  #shape(name, shape) {
    const dims = Array.isArray(shape) ? Array.from(shape) : [NaN]
    if (!dims.every(Number.isSafeInteger)) refuse(7, `${this.#what} ${name}: shape: got ${shown(shape)}, expected whole numbers`)
    return dims
  }

  // A bool and a uint8 both come as bytes: the contract says which of them is meant.
  #dtype(name, data) {
    const asked = this.#dtypes[name]
    if (asked !== undefined && data instanceof ARRAYS[asked]) return asked
    const given = ARRAYS.findIndex((array, dtype) => dtype > 0 && data instanceof array)
    if (given < 0) refuse(7, `${this.#what} ${name}: data: got no typed array, expected one of ${DTYPES[asked] ?? 'the contract'}`)
    return given
  }
}

// Opens a folder, or the one file that `ferry pack` wrote; every file's SHA-256 is checked. With `trust`, a key or a folder of
// keys, only if one of them signed it.
function openBundle(path, { trust = null } = {}) {
  return new Bundle(OURS, native.openBundle(text('path', path), trust === null ? null : text('trust', trust)))
}

// Opens a copy of the bytes of a file that `ferry pack` wrote.
function openMemory(bytes) {
  if (!(bytes instanceof Uint8Array)) refuse(2, 'bytes: got something else, expected a Uint8Array')
  return new Bundle(OURS, native.openMemory(bytes))
}

module.exports = { openBundle, openMemory, Batcher, Bundle, Call, Session }
