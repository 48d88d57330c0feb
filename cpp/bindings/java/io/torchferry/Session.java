package io.torchferry;

import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;

/** A bundle on one engine and device. Many threads may use it at once, and it outlives its bundle. */
public final class Session implements AutoCloseable {
  private final Handle handle;

  Session(long pointer) {
    handle = new Handle(this, pointer, "session", Native::closeSession);
  }

  /** As `LibTorch 2.13.0`. */
  public String runtime() {
    String text = Native.text(Native.runtime(handle.get()));
    Reference.reachabilityFence(this);
    return text;
  }

  /** What decides the bits of the results (FORMAT.md section 5). */
  public String numerics() {
    String text = Native.text(Native.numerics(handle.get()));
    Reference.reachabilityFence(this);
    return text;
  }

  /** Computes the outputs, in the contract's order, of inputs in any order. Inputs are lent, not copied. */
  public Map<String, Tensor> run(Tensor... inputs) {
    byte[][] names = new byte[inputs.length][];
    int[] dtypes = new int[inputs.length];
    long[][] shapes = new long[inputs.length][];
    ByteBuffer[] data = new ByteBuffer[inputs.length];
    for (int i = 0; i < inputs.length; ++i) {
      names[i] = Native.bytes(inputs[i].name);
      dtypes[i] = inputs[i].dtype.ordinal();
      shapes[i] = inputs[i].shape();
      data[i] = inputs[i].data();
    }
    Map<String, Tensor> outputs = new LinkedHashMap<>();
    for (Tensor output : Native.run(handle.get(), names, dtypes, shapes, data)) outputs.put(output.name, output);
    Reference.reachabilityFence(this);
    return outputs;
  }

  /** Frees the model. No call may be running. */
  @Override
  public void close() {
    handle.close();
  }
}
