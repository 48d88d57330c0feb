package ferry

/*
#include <ferry/ferry.h>
#include <stdlib.h>
*/
import "C"

import (
	"runtime"
	"time"
	"unsafe"
)

// BatcherOptions say how calls are joined. The zero value is 16 samples, 1 ms and 1024 samples that may wait.
type BatcherOptions struct {
	Most      int           // samples of one joined call, and no more than the contract's N may be
	Wait      time.Duration // how long a call waits for others while there are fewer than Most
	Queue     int           // samples that may wait; a call beyond is Unavailable at once
	AnyEngine bool          // false: only an engine that computes one sample after the other, whose answers keep their bits
}

func orElse[T int | time.Duration](value, otherwise T) T {
	if value == 0 {
		return otherwise
	}
	return value
}

// Batcher is a session whose calls are joined. Many goroutines may use it at once.
type Batcher struct{ handle *held }

// Batcher opens a session of its own whose calls, of many goroutines, are joined to larger ones.
func (b *Bundle) Batcher(engine string, options Options, joined BatcherOptions) (*Batcher, error) {
	if err := first(options.checked(engine), joined.checked()); err != nil {
		return nil, err
	}
	name, device := C.CString(engine), C.CString(options.device())
	defer C.free(unsafe.Pointer(name))
	defer C.free(unsafe.Pointer(device))
	most, queue := C.size_t(orElse(joined.Most, 16)), C.size_t(orElse(joined.Queue, 1024))
	wait, keepBits := C.int64_t(orElse(joined.Wait, time.Millisecond).Microseconds()), C.int32_t(1)
	if joined.AnyEngine {
		keepBits = 0
	}
	var handle *C.ferry_batcher
	if err := b.handle.use(func(at unsafe.Pointer) C.int32_t {
		threads := atLeastOne(options.Threads)
		return C.ferry_batcher_open(asBundle(at), name, device, threads, most, wait, queue, keepBits, &handle)
	}); err != nil {
		return nil, err
	}
	free := func(at unsafe.Pointer) { C.ferry_batcher_close((*C.ferry_batcher)(at)) }
	batcher := &Batcher{&held{pointer: unsafe.Pointer(handle), what: "batcher", free: free}}
	runtime.SetFinalizer(batcher, (*Batcher).Close)
	return batcher, nil
}

// Close lets no further call begin, runs every one that waits, then frees the model.
func (b *Batcher) Close() {
	b.handle.close()
	runtime.SetFinalizer(b, nil)
}

// Submit copies the inputs and does not wait. A call that has not begun within limit is Unavailable, as is one for which the queue
// is full; limit 0: no limit.
func (b *Batcher) Submit(limit time.Duration, inputs ...Tensor) (*Call, error) {
	views, err := lend(inputs)
	if err != nil {
		return nil, err
	}
	defer views.free()
	microseconds := C.int64_t(-1)
	if limit > 0 {
		microseconds = C.int64_t(limit.Microseconds())
	}
	var handle *C.ferry_call
	if err := b.handle.use(func(at unsafe.Pointer) C.int32_t {
		return C.ferry_batcher_submit((*C.ferry_batcher)(at), views.first, views.count, microseconds, &handle)
	}); err != nil {
		return nil, err
	}
	free := func(at unsafe.Pointer) { C.ferry_call_close(asCall(at)) }
	waiting := &Call{&held{pointer: unsafe.Pointer(handle), what: "call", free: free}}
	runtime.SetFinalizer(waiting, (*Call).Close)
	return waiting, nil
}

// Run is Submit, and waits for the answer.
func (b *Batcher) Run(limit time.Duration, inputs ...Tensor) (Tensors, error) {
	waiting, err := b.Submit(limit, inputs...)
	if err != nil {
		return nil, err
	}
	defer waiting.Close()
	return waiting.Get()
}

// Call is one that waits in a batcher, or is answered.
type Call struct{ handle *held }

func asCall(at unsafe.Pointer) *C.ferry_call { return (*C.ferry_call)(at) }

// Get waits for the answer, once. A call that was cancelled or came too late is Unavailable.
func (c *Call) Get() (Tensors, error) {
	var outputs *C.ferry_outputs
	if err := c.handle.use(func(at unsafe.Pointer) C.int32_t { return C.ferry_call_get(asCall(at), &outputs) }); err != nil {
		return nil, err
	}
	return taken(outputs), nil
}

// Cancel takes the call back, also while another goroutine waits for it. It is a Mismatch where the call has begun.
func (c *Call) Cancel() error {
	return plain(c.handle.use(func(at unsafe.Pointer) C.int32_t { return C.ferry_call_cancel(asCall(at)) }))
}

// Close forgets the call, which goes on; a goroutine that waits for it still gets its answer.
func (c *Call) Close() {
	c.handle.close()
	runtime.SetFinalizer(c, nil)
}
