// crossing run BUNDLE ENGINE < INPUT > OUTPUTS: raw bytes of the one input in, raw bytes of all outputs out, in order.
// crossing verify BUNDLE: replays the goldens on every engine that can run here, and prints the report.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	ferry "torchferry"
)

func run(bundle *ferry.Bundle, engine string) error {
	content, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	spec, sample := bundle.Inputs()[0], int64(1)
	for _, dim := range spec.Shape {
		if dim >= 0 {
			sample *= dim
		}
	}
	shape := append([]int64{}, spec.Shape...)
	for i, dim := range shape {
		if dim < 0 {
			shape[i] = int64(len(content)) / (sample * int64(spec.DType.Size()))
		}
	}
	session, err := bundle.Session(engine, ferry.Options{})
	if err != nil {
		return err
	}
	outputs, err := session.Run(ferry.Tensor{Name: spec.Name, DType: spec.DType, Shape: shape, Bytes: content})
	for _, output := range outputs {
		if _, err := os.Stdout.Write(output.Bytes); err != nil {
			return err
		}
	}
	return err
}

func verify(bundle *ferry.Bundle) error {
	report, err := bundle.Verify("", ferry.Options{})
	if err != nil {
		return err
	}
	fmt.Print(report.JSON)
	if !report.Passed {
		return &ferry.Error{Code: ferry.Mismatch, Message: report.Problem}
	}
	return nil
}

func crossing(arguments []string) error {
	if len(arguments) < 2 {
		return errors.New("usage: crossing run BUNDLE ENGINE | verify BUNDLE")
	}
	bundle, err := ferry.Open(arguments[1])
	switch {
	case err != nil:
		return err
	case arguments[0] == "run" && len(arguments) == 3:
		return run(bundle, arguments[2])
	case arguments[0] == "verify" && len(arguments) == 2:
		return verify(bundle)
	}
	return errors.New("usage: crossing run BUNDLE ENGINE | verify BUNDLE")
}

func main() {
	err := crossing(os.Args[1:])
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	var told *ferry.Error
	if errors.As(err, &told) {
		os.Exit(int(told.Code))
	}
	os.Exit(2)
}
