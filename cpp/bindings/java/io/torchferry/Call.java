package io.torchferry;

import java.util.Map;

/** A call that waits in a batcher, or is answered. */
public final class Call implements AutoCloseable {
  private final Handle handle;

  Call(long pointer) {
    handle = new Handle(this, pointer, "call", Native::closeCall);
  }

  /** Waits for the outputs, once. Throws FerryException(UNAVAILABLE) for a call that was cancelled or came too late. */
  public Map<String, Tensor> get() {
    return Lent.named(handle.use(Native::get));
  }

  /** Takes the call back, also while another thread waits for it. Throws FerryException(MISMATCH) where it has begun. */
  public void cancel() {
    handle.use(
        at -> {
          Native.cancel(at);
          return null;
        });
  }

  /** Forgets the call, which goes on; a thread that waits for it still gets its answer. */
  @Override
  public void close() {
    handle.close();
  }
}
