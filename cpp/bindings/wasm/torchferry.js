// torchferry for browsers and Node, as WebAssembly: opens a packed bundle, runs it, and replays its goldens on this very machine.
// Emscripten writes libferry and the linked models before this text (CMakeLists.txt), as `createFerryModule`.
//
//   const ferry = await torchferry.load()                 // in Node: require('torchferry-wasm').load()
//   const bundle = ferry.openMemory(new Uint8Array(await (await fetch('digits-mlp.ferry')).arrayBuffer()))
//   bundle.allowNative()
//   const { label } = bundle.session('c').run({ image: { shape: [1, 8, 8], data: pixels } })
//   console.log(label.data[0], bundle.verify().passed)
//
// Every failure is an Error whose `code` is the exit code of FORMAT.md section 11.
;(function (create) {
  'use strict'

  const USAGE = 2, IO = 6, BAD_INPUT = 7
  const DTYPES = ['bool', 'uint8', 'int8', 'int16', 'int32', 'int64', 'float32', 'float64', 'float16', 'bfloat16']
  // The bits of float16 and bfloat16: not every browser has a Float16Array.
  const ARRAYS = [Uint8Array, Uint8Array, Int8Array, Int16Array, Int32Array, BigInt64Array, Float32Array, Float64Array, Uint16Array, Uint16Array]
  // Bytes from the start of ferry_tensor_spec and ferry_tensor_view; layout.c holds the compiler to them.
  const NAME = 0, DTYPE = 4, RANK = 8, SHAPE = 12, DATA = 16, BYTES = 20, VIEW_SIZE = 24
  const ALIGNMENT = 8
  const LARGEST = 2 ** 31 - 1

  function refuse(code, message) {
    throw Object.assign(new Error(message), { code })
  }

  const shown = (value) => (typeof value === 'string' ? `'${value}'` : String(value))

  // A whole number that C has too: others would wrap or lose their fraction.
  function whole(name, value) {
    if (Number.isInteger(value) && value >= -LARGEST && value <= LARGEST) return value
    return refuse(USAGE, `${name}: got ${shown(value)}, expected a whole number, ${-LARGEST} to ${LARGEST}`)
  }

  // The dims of a tensor as C has them.
  function dims(name, shape) {
    const given = Array.isArray(shape) ? Array.from(shape) : [NaN]
    if (!given.every(Number.isSafeInteger)) refuse(BAD_INPUT, `input ${name}: shape: got ${shown(shape)}, expected whole numbers`)
    return BigInt64Array.from(given, BigInt)
  }

  // The memory of the module. It may grow, and then move, in every call: nothing of it is kept across one.
  class Memory {
    #core

    constructor(core) { this.#core = core }

    text(pointer) { return this.#core.UTF8ToString(pointer) }
    number(pointer) { return new DataView(this.#core.HEAPU8.buffer).getUint32(pointer, true) }
    bytes(pointer, count) { return this.#core.HEAPU8.slice(pointer, pointer + count) }

    spec(pointer) {
      const rank = this.number(pointer + RANK)
      const dims = new BigInt64Array(this.bytes(this.number(pointer + SHAPE), 8 * rank).buffer)
      return { name: this.text(this.number(pointer + NAME)), dtype: DTYPES[this.number(pointer + DTYPE)], shape: Array.from(dims, Number) }
    }

    tensor(pointer) {
      const { name, dtype, shape } = this.spec(pointer)
      const bytes = this.bytes(this.number(pointer + DATA), this.number(pointer + BYTES))
      return [name, { dtype, shape, data: new ARRAYS[DTYPES.indexOf(dtype)](bytes.buffer) }]
    }

    // Gives `work` a function that puts bytes into memory which is freed after it.
    borrow(work) {
      const held = []
      const put = (bytes) => {
        const pointer = this.#core._malloc(Math.max(bytes.length, ALIGNMENT))
        if (pointer === 0) refuse(IO, `memory: got none for ${bytes.length} bytes, expected enough`)
        held.push(pointer)
        this.#core.HEAPU8.set(bytes, pointer)
        return pointer
      }
      try {
        return work(put)
      } finally {
        for (const pointer of held) this.#core._free(pointer)
      }
    }
  }

  const encoded = (text) => new TextEncoder().encode(text + '\0')
  const bytesOf = (array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

  function text(name, value) {
    if (typeof value !== 'string' || value.includes('\0')) refuse(USAGE, `${name}: got ${JSON.stringify(value)}, expected a text`)
    return encoded(value)
  }

  // The functions of ferry.h with their errors as exceptions.
  class Library {
    constructor(core) {
      this.core = core
      this.memory = new Memory(core)
    }

    fail(code) { refuse(code, this.memory.text(this.core._ferry_last_error())) }

    // Calls what gives a handle by its last argument, and returns the code and the handle.
    made(put, call) {
      const place = put(new Uint8Array(ALIGNMENT))
      const code = call(place)
      return { code, handle: this.memory.number(place) }
    }

    handle(put, call) {
      const { code, handle } = this.made(put, call)
      if (code !== 0) this.fail(code)
      return handle
    }

    // Opens the bytes of a file that `ferry pack` wrote; the SHA-256 of everything in it is checked.
    openMemory(bytes) {
      if (!(bytes instanceof Uint8Array)) refuse(USAGE, 'bytes: got something else, expected a Uint8Array')
      const { core, memory } = this
      const open = (put) => this.handle(put, (place) => core._ferry_bundle_open_memory(put(bytes), bytes.length, place))
      return new Bundle(this, memory.borrow(open))
    }
  }

  // Of a handle that may be closed once, and is not used after that.
  class Handle {
    #pointer
    #what
    #close

    constructor(pointer, what, close) {
      this.#pointer = pointer
      this.#what = what
      this.#close = close
    }

    get pointer() {
      if (this.#pointer === 0) refuse(USAGE, `${this.#what}: got one that was closed, expected an open one`)
      return this.#pointer
    }

    close() {
      this.#close(this.#pointer)
      this.#pointer = 0
    }
  }

  const listed = (count, get) => Array.from({ length: count }, (_, index) => get(index))

  class Bundle {
    #library
    #handle

    constructor(library, pointer) {
      const { core, memory } = library
      this.#library = library
      this.#handle = new Handle(pointer, 'bundle', core._ferry_bundle_close)
      this.name = memory.text(core._ferry_bundle_name(pointer))
      this.digest = memory.text(core._ferry_bundle_digest(pointer))
      this.manifest = JSON.parse(memory.text(core._ferry_bundle_manifest(pointer)))
      const texts = (count, get) => listed(count(pointer), (index) => memory.text(get(pointer, index)))
      const specs = (count, get) => listed(count(pointer), (index) => memory.spec(get(pointer, index)))
      this.engines = texts(core._ferry_bundle_engine_count, core._ferry_bundle_engine)
      this.classes = texts(core._ferry_bundle_class_count, core._ferry_bundle_class)
      this.inputs = specs(core._ferry_bundle_input_count, core._ferry_bundle_input)
      this.outputs = specs(core._ferry_bundle_output_count, core._ferry_bundle_output)
    }

    // Lets later sessions run the machine code that was linked in from this bundle's C.
    allowNative() { this.#library.core._ferry_bundle_allow_native(this.#handle.pointer) }

    // One engine of the bundle, `c` or `c-int8`, warmed up.
    session(engine, { device = 'cpu', threads = 1 } = {}) {
      const { core, memory } = this.#library
      const bundle = this.#handle.pointer
      const open = (put) => {
        const words = [put(text('engine', engine)), put(text('device', device))]
        return this.#library.handle(put, (place) => core._ferry_session_open(bundle, ...words, whole('threads', threads), place))
      }
      return new Session(this.#library, memory.borrow(open), this)
    }

    // Replays the goldens on one engine, or on all that can run here: { passed, verdicts, problem }.
    verify({ engine = null, device = 'cpu', threads = 1, calls = 1 } = {}) {
      const { core, memory } = this.#library
      const bundle = this.#handle.pointer
      return memory.borrow((put) => {
        const words = [engine === null ? 0 : put(text('engine', engine)), put(text('device', device))]
        const numbers = [whole('threads', threads), whole('calls', calls)]
        const { code, handle } = this.#library.made(put, (place) => core._ferry_verify(bundle, ...words, ...numbers, place))
        if (handle === 0) this.#library.fail(code)
        const verdicts = JSON.parse(memory.text(core._ferry_text_get(handle)))
        core._ferry_text_close(handle)
        return { passed: code === 0, verdicts, problem: code === 0 ? '' : memory.text(core._ferry_last_error()) }
      })
    }

    close() { this.#handle.close() }
  }

  class Session {
    #library
    #handle
    #inputs

    constructor(library, pointer, { inputs }) {
      const { core, memory } = library
      this.#library = library
      this.#handle = new Handle(pointer, 'session', core._ferry_session_close)
      this.#inputs = Object.fromEntries(inputs.map(({ name, dtype }) => [name, dtype]))
      this.runtime = memory.text(core._ferry_session_runtime(pointer))
      this.numerics = memory.text(core._ferry_session_numerics(pointer))
    }

    // Computes the outputs { name: { dtype, shape, data } } of inputs { name: { shape, data } }; data are typed arrays in C order.
    run(inputs) {
      const { core, memory } = this.#library
      const session = this.#handle.pointer
      if (typeof inputs !== 'object' || inputs === null) refuse(BAD_INPUT, `inputs: got ${shown(inputs)}, expected tensors by name`)
      return memory.borrow((put) => {
        const given = Object.entries(inputs)
        const views = new Uint8Array(given.length * VIEW_SIZE)
        given.forEach(([name, tensor], index) => this.#write(new DataView(views.buffer, index * VIEW_SIZE), name, tensor, put))
        const outputs = this.#library.handle(put, (place) => core._ferry_session_run(session, put(views), given.length, place))
        const taken = listed(core._ferry_outputs_count(outputs), (index) => memory.tensor(core._ferry_outputs_get(outputs, index)))
        core._ferry_outputs_close(outputs)
        return Object.fromEntries(taken)
      })
    }

    #write(view, name, tensor, put) {
      if (typeof tensor !== 'object' || tensor === null)
        refuse(BAD_INPUT, `input ${name}: got ${shown(tensor)}, expected a shape and a typed array`)
      const { data } = tensor
      const shape = dims(name, tensor.shape)
      const set = (place, value) => view.setUint32(place, value, true)
      set(NAME, put(text('input', name)))
      set(DTYPE, this.#dtype(name, data))
      set(RANK, shape.length)
      set(SHAPE, put(bytesOf(shape)))
      set(DATA, put(bytesOf(data)))
      set(BYTES, data.byteLength)
    }

    // A bool and a uint8 both come as bytes: the contract says which of them is meant.
    #dtype(name, data) {
      const asked = DTYPES.indexOf(this.#inputs[name])
      if (asked >= 0 && data instanceof ARRAYS[asked]) return asked
      const given = ARRAYS.findIndex((array, dtype) => dtype > 0 && data instanceof array)
      if (given < 0) refuse(BAD_INPUT, `input ${name}: data: got no typed array, expected one of ${DTYPES[asked] ?? 'the contract'}`)
      return given
    }

    // Frees the model.
    close() { this.#handle.close() }
  }

  const api = { load: async () => new Library(await create()), Bundle, Session }
  if (typeof module === 'object' && module.exports) module.exports = api
  else globalThis.torchferry = api
})(createFerryModule)
