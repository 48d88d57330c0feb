// misuse CASE BUNDLE ENGINE ABSENT < IMAGE: see tests/bindings/test_misuse.py. A Buffer is memory of its own, aligned: no program can
// give one that is misaligned or overlaps another.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	ferry "torchferry"
)

func into(session *ferry.Session, image ferry.Tensor, floats int64) ([]byte, error) {
	buffers := []*ferry.Buffer{}
	for _, spec := range []ferry.TensorSpec{
		{Name: "logits", DType: ferry.Float32, Shape: []int64{1, floats}},
		{Name: "probabilities", DType: ferry.Float32, Shape: []int64{1, 10}},
		{Name: "label", DType: ferry.Int64, Shape: []int64{1}},
	} {
		buffer, err := ferry.NewBuffer(spec.Name, spec.DType, spec.Shape)
		if err != nil {
			return nil, err
		}
		defer buffer.Close()
		buffers = append(buffers, buffer)
	}
	buffers[0].Shape = []int64{1, 10} // its memory is as it was
	if err := session.RunInto([]ferry.Tensor{image}, buffers); err != nil {
		return nil, err
	}
	all := []byte{}
	for _, buffer := range buffers {
		all = append(all, buffer.Bytes()...)
	}
	return all, nil
}

func batched(name string, bundle *ferry.Bundle, engine string, image ferry.Tensor) (ferry.Tensors, error) {
	options := ferry.BatcherOptions{Most: 2, Wait: time.Minute, Queue: 2, AnyEngine: name != "kept"}
	limit := time.Duration(0)
	if name == "late" || name == "batch" {
		options.Wait = 50 * time.Millisecond
	}
	if name == "late" {
		limit = time.Millisecond
	}
	batcher, err := bundle.Batcher(engine, ferry.Options{}, options)
	if err != nil {
		return nil, err
	}
	defer batcher.Close()
	if name == "closed-batcher" {
		batcher.Close()
	}
	waiting, err := batcher.Submit(limit, image)
	if err != nil {
		return nil, err
	}
	switch name {
	case "full":
		return batcher.Run(0, ferry.Input("image", []int64{2, 8, 8}, make([]uint8, 128)))
	case "cancelled", "twice":
		err = waiting.Cancel()
		if name == "twice" {
			err = waiting.Cancel()
		}
	}
	if err != nil {
		return nil, err
	}
	return waiting.Get()
}

// closing closes what four goroutines use, ten times; it gives what the last of them got.
func closing(bundle *ferry.Bundle, engine string, joined bool) error {
	image := ferry.Input("image", []int64{64, 8, 8}, make([]uint8, 4096))
	failures := make(chan error, 40)
	for round := 0; round < 10; round++ {
		session, err := bundle.Session(engine, ferry.Options{})
		if err != nil {
			return err
		}
		batcher, err := bundle.Batcher(engine, ferry.Options{}, ferry.BatcherOptions{AnyEngine: true})
		if err != nil {
			return err
		}
		for i := 0; i < 4; i++ {
			go func() {
				var err error
				for err == nil && joined {
					_, err = batcher.Run(0, image)
				}
				for err == nil {
					_, err = session.Run(image)
				}
				failures <- err
			}()
		}
		time.Sleep(20 * time.Millisecond)
		session.Close()
		batcher.Close()
	}
	var last error
	for i := 0; i < 40; i++ {
		last = <-failures
	}
	return last
}

// refused gives what a program may not ask for.
func refused(name string, bundle *ferry.Bundle, session *ferry.Session, image ferry.Tensor, path, engine string) (err error) {
	cut := func(text string) string { return text + "\x00junk" }
	switch name {
	case "cut-path":
		_, err = ferry.Open(cut(path))
	case "cut-keys":
		_, err = ferry.OpenTrusted(path, cut(path))
	case "cut-engine":
		_, err = bundle.Session(cut(engine), ferry.Options{})
	case "cut-device":
		_, err = bundle.Verify(engine, ferry.Options{Device: cut("cpu")})
	case "cut-operator":
		err = bundle.AllowOperator(cut("aten::as_strided"))
	case "cut-input":
		image.Name = cut(image.Name)
		_, err = session.Run(image)
	case "no-dtype":
		_, err = ferry.NewBuffer("logits", ferry.DType(77), []int64{1, 10})
	case "no-buffer":
		err = session.RunInto([]ferry.Tensor{image}, []*ferry.Buffer{nil})
	case "other-values":
		var outputs ferry.Tensors
		if outputs, err = session.Run(image); err == nil {
			_, err = ferry.Values[float64](outputs.Find("logits"))
		}
	case "wide-threads":
		_, err = bundle.Session(engine, ferry.Options{Threads: 1<<32 + 1})
	case "wide-calls":
		_, err = bundle.Verify(engine, ferry.Options{Calls: 1<<32 + 1})
	case "negative-most":
		_, err = bundle.Batcher(engine, ferry.Options{}, ferry.BatcherOptions{Most: -1, AnyEngine: true})
	}
	return err
}

func misuse(name, path, engine, absent string) ([]byte, error) {
	pixels, err := io.ReadAll(os.Stdin)
	if err != nil {
		return nil, err
	}
	bundle, err := ferry.Open(path)
	if err != nil {
		return nil, err
	}
	session, err := bundle.Session(engine, ferry.Options{})
	if err != nil {
		return nil, err
	}
	image := ferry.Input("image", []int64{1, 8, 8}, pixels)
	var outputs ferry.Tensors
	switch name {
	case "into":
		return into(session, image, 10)
	case "small":
		return into(session, image, 9)
	case "closed":
		session.Close()
		outputs, err = session.Run(image)
	case "cut-path", "cut-keys", "cut-engine", "cut-device", "cut-operator", "cut-input", "no-dtype", "no-buffer", "other-values",
		"wide-threads", "wide-calls", "negative-most":
		return nil, refused(name, bundle, session, image, path, engine)
	case "closing", "closing-batcher":
		return nil, closing(bundle, engine, name == "closing-batcher")
	case "absent":
		var report ferry.Report
		report, err = bundle.Verify(absent, ferry.Options{})
		return []byte(report.JSON), err
	default:
		outputs, err = batched(name, bundle, engine, image)
	}
	all := []byte{}
	for _, output := range outputs {
		all = append(all, output.Bytes...)
	}
	return all, err
}

func main() {
	all, err := misuse(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	var told *ferry.Error
	if errors.As(err, &told) {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(int(told.Code))
	}
	os.Stdout.Write(all)
}
