// Package ferry opens a torchferry bundle, runs it, and replays its goldens. The C++ half of torchferry, libferry, does the work.
//
//	bundle, err := ferry.Open("exported/digits-mlp")
//	session, err := bundle.Session("onnxruntime", ferry.Options{})
//	outputs, err := session.Run(ferry.Input("image", []int64{1, 8, 8}, pixels))
//	label, err := ferry.Values[int64](outputs.Find("label"))
//
// cgo finds libferry by CGO_CFLAGS=-I$(torchferry-config --includedir) and CGO_LDFLAGS=-L$(torchferry-config --libdir).
package ferry

/*
#cgo LDFLAGS: -lferry
#include <ferry/ferry.h>
#include <stdlib.h>
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// ErrorCode is an exit code of FORMAT.md section 11.
type ErrorCode int

// The codes of ferry/engine.h.
const (
	Mismatch    ErrorCode = 1
	Usage       ErrorCode = 2
	Format      ErrorCode = 3
	Integrity   ErrorCode = 4
	Unavailable ErrorCode = 5
	IO          ErrorCode = 6
	BadInput    ErrorCode = 7
	Internal    ErrorCode = 9
)

// Error is one line that says what was found, what was expected and what to do.
type Error struct {
	Code    ErrorCode
	Message string
}

func (e *Error) Error() string { return e.Message }

// call runs one function of the C ABI, and reads the text of its failure on the thread that it failed on.
func call(function func() C.int32_t) *Error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if code := function(); code != C.FERRY_OK {
		return &Error{ErrorCode(code), C.GoString(C.ferry_last_error())}
	}
	return nil
}

// plain turns a nil *Error into a nil error.
func plain(err *Error) error {
	if err == nil {
		return nil
	}
	return err
}

// TensorSpec is a tensor of the contract; a symbolic dim, such as the batch, is -1.
type TensorSpec struct {
	Name  string
	DType DType
	Shape []int64
}

// Options of a session and of Verify. The zero value is the CPU with one thread.
type Options struct {
	Device  string // "cpu" or "cuda:N"
	Threads int
	Calls   int // of each golden case, by Verify only
}

func (o Options) device() string {
	if o.Device == "" {
		return "cpu"
	}
	return o.Device
}

func atLeastOne(count int) C.int32_t {
	if count == 0 {
		count = 1
	}
	return C.int32_t(count)
}

// Report is what replaying the goldens came to: the JSON of `verify --json`, and why it is no proof.
type Report struct {
	Passed  bool
	JSON    string
	Problem string
}

// Bundle is an opened bundle, whose files have been checked.
type Bundle struct{ handle *held }

func asBundle(at unsafe.Pointer) *C.ferry_bundle { return (*C.ferry_bundle)(at) }

// Open opens a folder, or the one file that `ferry pack` wrote; every file's SHA-256 is checked here.
func Open(path string) (*Bundle, error) {
	if err := noNUL(path); err != nil {
		return nil, err
	}
	text := C.CString(path)
	defer C.free(unsafe.Pointer(text))
	return opened(func(handle **C.ferry_bundle) C.int32_t { return C.ferry_bundle_open(text, handle) })
}

// OpenTrusted is Open, only if a key of keys, a file or a folder, signed the bundle.
func OpenTrusted(path, keys string) (*Bundle, error) {
	if err := noNUL(path, keys); err != nil {
		return nil, err
	}
	text, trusted := C.CString(path), C.CString(keys)
	defer C.free(unsafe.Pointer(text))
	defer C.free(unsafe.Pointer(trusted))
	return opened(func(handle **C.ferry_bundle) C.int32_t { return C.ferry_bundle_open_trusted(text, trusted, handle) })
}

// FromMemory opens a copy of the bytes of a file that `ferry pack` wrote.
func FromMemory(content []byte) (*Bundle, error) {
	bytes := C.CBytes(content)
	defer C.free(bytes)
	return opened(func(handle **C.ferry_bundle) C.int32_t {
		return C.ferry_bundle_open_memory(bytes, C.size_t(len(content)), handle)
	})
}

func opened(open func(**C.ferry_bundle) C.int32_t) (*Bundle, error) {
	var handle *C.ferry_bundle
	if err := call(func() C.int32_t { return open(&handle) }); err != nil {
		return nil, err
	}
	free := func(at unsafe.Pointer) { C.ferry_bundle_close(asBundle(at)) }
	bundle := &Bundle{&held{pointer: unsafe.Pointer(handle), what: "bundle", free: free}}
	runtime.SetFinalizer(bundle, (*Bundle).Close)
	return bundle, nil
}

// Close frees the bundle, which may then no longer be used; its sessions may.
func (b *Bundle) Close() {
	b.handle.close()
	runtime.SetFinalizer(b, nil)
}

// Name is the bundle's name.
func (b *Bundle) Name() string {
	return b.handle.text(func(at unsafe.Pointer) *C.char { return C.ferry_bundle_name(asBundle(at)) })
}

// Digest is the SHA-256 of the manifest, which stands for the whole bundle.
func (b *Bundle) Digest() string {
	return b.handle.text(func(at unsafe.Pointer) *C.char { return C.ferry_bundle_digest(asBundle(at)) })
}

// Manifest is the JSON of FORMAT.md section 2.
func (b *Bundle) Manifest() string {
	return b.handle.text(func(at unsafe.Pointer) *C.char { return C.ferry_bundle_manifest(asBundle(at)) })
}

// Engines are those that the bundle has artifacts for.
func (b *Bundle) Engines() []string {
	return b.texts(func(at *C.ferry_bundle, i C.size_t) *C.char { return C.ferry_bundle_engine(at, i) })
}

// Classes are the names of the classes; none where the contract has none.
func (b *Bundle) Classes() []string {
	return b.texts(func(at *C.ferry_bundle, i C.size_t) *C.char { return C.ferry_bundle_class(at, i) })
}

func (b *Bundle) texts(of func(*C.ferry_bundle, C.size_t) *C.char) (all []string) {
	b.handle.see(func(at unsafe.Pointer) {
		for i := C.size_t(0); of(asBundle(at), i) != nil; i++ {
			all = append(all, C.GoString(of(asBundle(at), i)))
		}
	})
	return all
}

// Inputs are the inputs of the contract.
func (b *Bundle) Inputs() []TensorSpec {
	return b.specs(func(at *C.ferry_bundle, i C.size_t) *C.ferry_tensor_spec { return C.ferry_bundle_input(at, i) })
}

// Outputs are the outputs of the contract.
func (b *Bundle) Outputs() []TensorSpec {
	return b.specs(func(at *C.ferry_bundle, i C.size_t) *C.ferry_tensor_spec { return C.ferry_bundle_output(at, i) })
}

func (b *Bundle) specs(of func(*C.ferry_bundle, C.size_t) *C.ferry_tensor_spec) (all []TensorSpec) {
	b.handle.see(func(at unsafe.Pointer) {
		for i := C.size_t(0); of(asBundle(at), i) != nil; i++ {
			spec := of(asBundle(at), i)
			all = append(all, TensorSpec{C.GoString(spec.name), DType(spec.dtype), shapeOf(spec.shape, spec.rank)})
		}
	})
	return all
}

func shapeOf(dims *C.int64_t, rank C.int32_t) []int64 {
	shape := make([]int64, rank)
	for i, dim := range unsafe.Slice(dims, rank) {
		shape[i] = int64(dim)
	}
	return shape
}

// AllowNative lets later sessions run machine code of the bundle, which has all rights of this process.
func (b *Bundle) AllowNative() {
	b.handle.see(func(at unsafe.Pointer) { C.ferry_bundle_allow_native(asBundle(at)) })
}

// AllowOperator lets TorchScript use an operator, as "aten::as_strided", that may do more than compute.
func (b *Bundle) AllowOperator(name string) error {
	if err := noNUL(name); err != nil {
		return err
	}
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	return plain(b.handle.use(func(at unsafe.Pointer) C.int32_t { return C.ferry_bundle_allow_operator(asBundle(at), text) }))
}

// Isolate lets later sessions run their model in a child process that can do nothing but compute.
func (b *Bundle) Isolate() {
	b.handle.see(func(at unsafe.Pointer) { C.ferry_bundle_isolate(asBundle(at)) })
}

// SetTimeout gives opening and each call of later sessions that many seconds; 0: no limit.
func (b *Bundle) SetTimeout(seconds float64) {
	b.handle.see(func(at unsafe.Pointer) { C.ferry_bundle_set_timeout(asBundle(at), C.double(seconds)) })
}

// Session opens one engine of the bundle, warmed up.
func (b *Bundle) Session(engine string, options Options) (*Session, error) {
	if err := options.checked(engine); err != nil {
		return nil, err
	}
	name, device := C.CString(engine), C.CString(options.device())
	defer C.free(unsafe.Pointer(name))
	defer C.free(unsafe.Pointer(device))
	var handle *C.ferry_session
	if err := b.handle.use(func(at unsafe.Pointer) C.int32_t {
		return C.ferry_session_open(asBundle(at), name, device, atLeastOne(options.Threads), &handle)
	}); err != nil {
		return nil, err
	}
	free := func(at unsafe.Pointer) { C.ferry_session_close(asSession(at)) }
	session := &Session{&held{pointer: unsafe.Pointer(handle), what: "session", free: free}}
	runtime.SetFinalizer(session, (*Session).Close)
	return session, nil
}

// Verify replays the goldens on one engine, or, with "", on all that can run here. It fails where there is nothing to report.
func (b *Bundle) Verify(engine string, options Options) (Report, error) {
	if err := options.checked(engine); err != nil {
		return Report{}, err
	}
	var name *C.char
	if engine != "" {
		name = C.CString(engine)
		defer C.free(unsafe.Pointer(name))
	}
	device := C.CString(options.device())
	defer C.free(unsafe.Pointer(device))
	var text *C.ferry_text
	err := b.handle.use(func(at unsafe.Pointer) C.int32_t {
		return C.ferry_verify(asBundle(at), name, device, atLeastOne(options.Threads), atLeastOne(options.Calls), &text)
	})
	if text == nil {
		return Report{}, plain(err)
	}
	defer C.ferry_text_close(text)
	report := Report{Passed: err == nil, JSON: C.GoString(C.ferry_text_get(text))}
	if err != nil {
		report.Problem = err.Message
	}
	return report, nil
}
