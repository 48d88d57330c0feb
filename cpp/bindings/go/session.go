package ferry

/*
#include <ferry/ferry.h>
#include <stdlib.h>
#include <string.h>
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

// DType is an element type of a contract.
type DType int32

// The numbers of ferry/engine.h.
const (
	Bool    DType = 0
	UInt8   DType = 1
	Int8    DType = 2
	Int16   DType = 3
	Int32   DType = 4
	Int64   DType = 5
	Float32 DType = 6
	Float64 DType = 7
	// 16 bits a number: Half and BHalf.
	Float16  DType = 8
	BFloat16 DType = 9
)

// Size is the number of bytes of one element.
func (d DType) Size() int { return int(C.ferry_element_size(C.int32_t(d))) }

// String is the dtype's name in a contract, as "float32".
func (d DType) String() string {
	names := [...]string{"bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64", "float16", "bfloat16"}
	if d < 0 || int(d) >= len(names) {
		return fmt.Sprintf("number %d, which is no dtype", int32(d))
	}
	return names[d]
}

// Half is the 16 bits of an IEEE 754 binary16, of which Go has no numbers.
type Half uint16

// BHalf is the upper 16 bits of a float32.
type BHalf uint16

// Element is a Go type that a tensor can hold.
type Element interface {
	bool | uint8 | int8 | int16 | int32 | int64 | float32 | float64 | Half | BHalf
}

func dtypeOf[T Element]() DType {
	var zero T
	switch any(zero).(type) {
	case bool:
		return Bool
	case uint8:
		return UInt8
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case float32:
		return Float32
	case Half:
		return Float16
	case BHalf:
		return BFloat16
	default:
		return Float64
	}
}

// Tensor is a named tensor: little-endian bytes in C order.
type Tensor struct {
	Name  string
	DType DType
	Shape []int64
	Bytes []byte
}

// Input makes a tensor of values, which it does not copy.
func Input[T Element](name string, shape []int64, values []T) Tensor {
	dtype := dtypeOf[T]()
	var bytes []byte
	if len(values) > 0 {
		bytes = unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), len(values)*dtype.Size())
	}
	return Tensor{name, dtype, shape, bytes}
}

// Values are a copy of the tensor's elements. It fails where T is not the tensor's dtype; `err` is handed on.
func Values[T Element](tensor Tensor, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	dtype := dtypeOf[T]()
	if dtype != tensor.DType {
		return nil, &Error{BadInput, fmt.Sprintf("output %s: got %v, expected %v", tensor.Name, tensor.DType, dtype)}
	}
	values := make([]T, len(tensor.Bytes)/dtype.Size())
	if len(values) > 0 {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), len(tensor.Bytes)), tensor.Bytes)
	}
	return values, nil
}

// Tensors are the outputs of a call, in the contract's order.
type Tensors []Tensor

// Find gives the output of that name.
func (t Tensors) Find(name string) (Tensor, error) {
	names := []string{}
	for _, tensor := range t {
		if tensor.Name == name {
			return tensor, nil
		}
		names = append(names, tensor.Name)
	}
	return Tensor{}, &Error{BadInput, fmt.Sprintf("output %s: not there, expected one of %v", name, names)}
}

// Session is a bundle on one engine and device. Many goroutines may use it at once.
type Session struct{ handle *held }

func asSession(at unsafe.Pointer) *C.ferry_session { return (*C.ferry_session)(at) }

// Close lets no further call begin, and frees the model: now, or when the calls of other goroutines have ended.
func (s *Session) Close() {
	s.handle.close()
	runtime.SetFinalizer(s, nil)
}

// Runtime is, for instance, "LibTorch 2.13.0".
func (s *Session) Runtime() string {
	return s.handle.text(func(at unsafe.Pointer) *C.char { return C.ferry_session_runtime(asSession(at)) })
}

// Numerics is what decides the bits of the results (FORMAT.md section 5).
func (s *Session) Numerics() string {
	return s.handle.text(func(at unsafe.Pointer) *C.char { return C.ferry_session_numerics(asSession(at)) })
}

// Run computes the outputs of inputs given by name, in any order. Inputs and outputs are copied: cgo lends C no memory that holds
// pointers, and Go owns what it gives.
func (s *Session) Run(inputs ...Tensor) (Tensors, error) {
	views, err := lend(inputs)
	if err != nil {
		return nil, err
	}
	defer views.free()
	var outputs *C.ferry_outputs
	if err := s.handle.use(func(at unsafe.Pointer) C.int32_t {
		return C.ferry_session_run(asSession(at), views.first, views.count, &outputs)
	}); err != nil {
		return nil, err
	}
	return taken(outputs), nil
}

// RunInto computes the outputs into buffers, which have the dtypes and shapes that the outputs of these inputs have. What they hold
// after a failure is not defined.
func (s *Session) RunInto(inputs []Tensor, outputs []*Buffer) error {
	views, err := lend(inputs)
	if err != nil {
		return err
	}
	defer views.free()
	buffers := newViews(len(outputs))
	defer buffers.free()
	for i, output := range outputs {
		if err := output.checked(); err != nil {
			return err
		}
		buffers.put(i, output.Name, output.DType, output.Shape, output.memory, output.size)
	}
	defer runtime.KeepAlive(outputs)
	return plain(s.handle.use(func(at unsafe.Pointer) C.int32_t {
		into := (*C.ferry_tensor_buffer)(unsafe.Pointer(buffers.first)) // the same members
		return C.ferry_session_run_into(asSession(at), views.first, views.count, into, buffers.count)
	}))
}

// taken copies the outputs into Go's memory, and frees them.
func taken(outputs *C.ferry_outputs) (all Tensors) {
	defer C.ferry_outputs_close(outputs)
	for i := C.size_t(0); i < C.ferry_outputs_count(outputs); i++ {
		view := C.ferry_outputs_get(outputs, i)
		bytes := append([]byte{}, unsafe.Slice((*byte)(view.data), view.bytes)...)
		all = append(all, Tensor{C.GoString(view.name), DType(view.dtype), shapeOf(view.shape, view.rank), bytes})
	}
	return all
}

// views is an array of ferry_tensor_view in C's memory, with everything it points to.
type views struct {
	first *C.ferry_tensor_view
	count C.size_t
	owned []unsafe.Pointer
}

func lend(tensors []Tensor) (*views, error) {
	for _, tensor := range tensors {
		if err := noNUL(tensor.Name); err != nil {
			return nil, err
		}
	}
	views := newViews(len(tensors))
	for i, tensor := range tensors {
		data := views.own(C.CBytes(tensor.Bytes))
		views.put(i, tensor.Name, tensor.DType, tensor.Shape, data, len(tensor.Bytes))
	}
	return views, nil
}

func newViews(count int) *views {
	memory := C.calloc(C.size_t(count+1), C.sizeof_ferry_tensor_view) // at least one: NULL is FERRY_USAGE
	return &views{(*C.ferry_tensor_view)(memory), C.size_t(count), []unsafe.Pointer{memory}}
}

func (v *views) put(index int, name string, dtype DType, shape []int64, data unsafe.Pointer, size int) {
	view := &unsafe.Slice(v.first, index+1)[index]
	view.name = (*C.char)(v.own(unsafe.Pointer(C.CString(name))))
	view.dtype, view.rank = C.int32_t(dtype), C.int32_t(len(shape))
	view.shape = (*C.int64_t)(v.own(C.calloc(C.size_t(len(shape)+1), C.sizeof_int64_t)))
	for i, dim := range shape {
		unsafe.Slice(view.shape, i+1)[i] = C.int64_t(dim)
	}
	view.data, view.bytes = data, C.size_t(size)
}

func (v *views) own(memory unsafe.Pointer) unsafe.Pointer {
	v.owned = append(v.owned, memory)
	return memory
}

func (v *views) free() {
	for _, memory := range v.owned {
		C.free(memory)
	}
}
