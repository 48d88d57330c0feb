package io.torchferry;

import java.lang.ref.Reference;
import java.util.Map;

/** A call that waits in a batcher, or is answered. */
public final class Call implements AutoCloseable {
  private final Handle handle;

  Call(long pointer) {
    handle = new Handle(this, pointer, "call", Native::closeCall);
  }

  /** Waits for the outputs, once. Throws FerryException(UNAVAILABLE) for a call that was cancelled or came too late. */
  public Map<String, Tensor> get() {
    Tensor[] outputs = Native.get(handle.get());
    Reference.reachabilityFence(this);
    return Lent.named(outputs);
  }

  /** Takes the call back, also while another thread waits for it. Throws FerryException(MISMATCH) where it has begun. */
  public void cancel() {
    Native.cancel(handle.get());
    Reference.reachabilityFence(this);
  }

  /** Forgets the call, which goes on. No thread may wait for it. */
  @Override
  public void close() {
    handle.close();
  }
}
