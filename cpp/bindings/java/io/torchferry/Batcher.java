package io.torchferry;

import java.time.Duration;
import java.util.Map;

/** A session whose calls, of many threads, are joined to larger ones. */
public final class Batcher implements AutoCloseable {
  private static final long NO_LIMIT = -1;

  private final Handle handle;

  Batcher(long pointer) {
    handle = new Handle(this, pointer, "batcher", Native::closeBatcher);
  }

  static long microseconds(Duration time) {
    return time == null ? NO_LIMIT : time.toNanos() / 1000;
  }

  /** Copies the inputs and does not wait. */
  public Call submit(Tensor... inputs) {
    return submit(null, inputs);
  }

  /** The same; a call that has not begun within `limit` is UNAVAILABLE, as is one for which the queue is full. */
  public Call submit(Duration limit, Tensor... inputs) {
    Lent lent = new Lent(inputs);
    long wait = microseconds(limit);
    return handle.use(at -> new Call(Native.submit(at, lent.names, lent.dtypes, lent.shapes, lent.data, wait)));
  }

  /** Submits a call and waits for its outputs, in the contract's order. */
  public Map<String, Tensor> run(Tensor... inputs) {
    try (Call call = submit(inputs)) {
      return call.get();
    }
  }

  /** Lets no further call begin, runs every one that waits, then frees the model. */
  @Override
  public void close() {
    handle.close();
  }
}
