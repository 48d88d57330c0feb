// trial BUNDLE: a user's program in Go; see tests/package/test_wheel_languages.py.
package main

import (
	"errors"
	"fmt"
	"os"

	ferry "torchferry"
)

func trial(path string) error {
	bundle, err := ferry.Open(path)
	if err != nil {
		return err
	}
	bundle.AllowNative()
	session, err := bundle.Session("c", ferry.Options{})
	if err != nil {
		return err
	}
	outputs, err := session.Run(ferry.Input("measurements", []int64{1, 2}, []float32{5.1, 1.8}))
	if err != nil {
		return err
	}
	values, err := ferry.Values[float32](outputs.Find("net_input"))
	if err != nil {
		return err
	}
	report, err := bundle.Verify("c", ferry.Options{})
	fmt.Printf("%v\n%s\n", values[0], map[bool]string{true: "same", false: "other"}[report.Passed])
	return err
}

func main() {
	err := trial(os.Args[1])
	var told *ferry.Error
	if errors.As(err, &told) {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(int(told.Code))
	}
}
