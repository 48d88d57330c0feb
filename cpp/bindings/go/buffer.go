package ferry

/*
#include <stdlib.h>
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Buffer is memory of C for one output: cgo lets C write into no array of pointers to Go's memory. One buffer serves many calls.
type Buffer struct {
	Name   string
	DType  DType
	Shape  []int64
	memory unsafe.Pointer
	size   int
}

// NewBuffer makes a buffer of zeros. It fails with Usage for a dtype that is none and for a shape that has no size.
func NewBuffer(name string, dtype DType, shape []int64) (*Buffer, error) {
	if dtype.Size() == 0 {
		return nil, &Error{Usage, fmt.Sprintf("output %s: dtype: got %v, expected one of this package", name, dtype)}
	}
	size := int64(dtype.Size())
	for _, dim := range shape {
		if dim < 0 || (dim > 0 && size > (1<<40)/dim) {
			return nil, &Error{Usage, fmt.Sprintf("output %s: shape: got %v, expected dims of up to 1 TiB together", name, shape)}
		}
		size *= dim
	}
	memory := C.calloc(C.size_t(size)+1, 1)
	if memory == nil {
		return nil, &Error{IO, "memory: got none, expected enough for a buffer"}
	}
	return &Buffer{name, dtype, append([]int64{}, shape...), memory, int(size)}, nil
}

// checked fails with Usage for a name that C cannot read, and with BadInput where there is no memory.
func (b *Buffer) checked() error {
	if b == nil || b.memory == nil {
		return &Error{BadInput, "output: data: got a buffer that is nil or was closed, expected one of NewBuffer"}
	}
	return noNUL(b.Name)
}

// Bytes are the memory itself, which lives until Close.
func (b *Buffer) Bytes() []byte { return unsafe.Slice((*byte)(b.memory), b.size) }

// Tensor is the memory itself as an output, for Values; it lives until Close.
func (b *Buffer) Tensor() Tensor { return Tensor{b.Name, b.DType, b.Shape, b.Bytes()} }

// Close frees the memory; no slice of it may then be used.
func (b *Buffer) Close() {
	C.free(b.memory)
	b.memory, b.size = nil, 0
}
