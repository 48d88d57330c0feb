package ferry

/*
#include <ferry/ferry.h>
#include <stdlib.h>
*/
import "C"

import (
	"sync"
	"unsafe"
)

// held is something of libferry's that is freed once: when it was closed, or nothing refers to its owner any more, and the last
// call that uses it has ended.
type held struct {
	pointer unsafe.Pointer
	what    string
	free    func(unsafe.Pointer)
	mutex   sync.Mutex
	running int
	closed  bool
}

// begin fails with Usage where it was closed; what begins must end.
func (h *held) begin() *Error {
	if h == nil {
		return &Error{Usage, "handle: got an empty one, expected what this package opened"}
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.closed {
		return &Error{Usage, h.what + ": got one that was closed, expected an open one"}
	}
	h.running++
	return nil
}

func (h *held) end() {
	h.mutex.Lock()
	h.running--
	last := h.closed && h.running == 0
	h.mutex.Unlock()
	if last {
		h.free(h.pointer)
	}
}

// close lets no further call begin, and frees it or leaves that to the last call that runs.
func (h *held) close() {
	if h == nil {
		return
	}
	h.mutex.Lock()
	unused := !h.closed && h.running == 0
	h.closed = true
	h.mutex.Unlock()
	if unused {
		h.free(h.pointer)
	}
}

// use runs one function of the C ABI with the pointer.
func (h *held) use(function func(unsafe.Pointer) C.int32_t) *Error {
	if err := h.begin(); err != nil {
		return err
	}
	defer h.end()
	return call(func() C.int32_t { return function(h.pointer) })
}

// see runs what gives no code; not where it was closed.
func (h *held) see(function func(unsafe.Pointer)) {
	if h.begin() == nil {
		defer h.end()
		function(h.pointer)
	}
}

func (h *held) text(of func(unsafe.Pointer) *C.char) (text string) {
	h.see(func(at unsafe.Pointer) { text = C.GoString(of(at)) })
	return text
}
