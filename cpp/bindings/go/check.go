package ferry

import (
	"fmt"
	"math"
	"strings"
)

// noNUL fails with Usage for a NUL, behind which C would read nothing.
func noNUL(texts ...string) error {
	for _, text := range texts {
		if strings.IndexByte(text, 0) >= 0 {
			return &Error{Usage, "text: got a NUL in it, expected none"}
		}
	}
	return nil
}

// fitting fails with Usage for a number that C would see as another one.
func fitting(what string, least, number int) error {
	if number < least || number > math.MaxInt32 {
		return &Error{Usage, fmt.Sprintf("%s: got %d, expected %d to %d", what, number, least, math.MaxInt32)}
	}
	return nil
}

// first is the first of the errors that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// checked fails with Usage for texts and numbers that C cannot take.
func (o Options) checked(engine string) error {
	return first(noNUL(engine, o.Device), fitting("threads", math.MinInt32, o.Threads), fitting("calls", math.MinInt32, o.Calls))
}

func (o BatcherOptions) checked() error {
	return first(fitting("most", 0, o.Most), fitting("queue", 0, o.Queue))
}
