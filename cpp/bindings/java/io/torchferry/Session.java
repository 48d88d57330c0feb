package io.torchferry;

import java.util.Map;

/** A bundle on one engine and device. Many threads may use it at once, and it outlives its bundle. */
public final class Session implements AutoCloseable {
  private final Handle handle;

  Session(long pointer) {
    handle = new Handle(this, pointer, "session", Native::closeSession);
  }

  /** As `LibTorch 2.13.0`. */
  public String runtime() {
    return Native.text(handle.use(Native::runtime));
  }

  /** What decides the bits of the results (FORMAT.md section 5). */
  public String numerics() {
    return Native.text(handle.use(Native::numerics));
  }

  /** Computes the outputs, in the contract's order, of inputs in any order. Inputs are lent, not copied. */
  public Map<String, Tensor> run(Tensor... inputs) {
    Lent lent = new Lent(inputs);
    return Lent.named(handle.use(at -> Native.run(at, lent.names, lent.dtypes, lent.shapes, lent.data)));
  }

  /**
   * Computes the outputs into memory of the caller: tensors of direct buffers with the dtypes and shapes that the outputs of these
   * inputs have. What they hold after a failure is not defined. Throws FerryException(BAD_INPUT) for a buffer that is too small,
   * misaligned, read-only or shared by two tensors.
   */
  public void runInto(Tensor[] inputs, Tensor[] outputs) {
    for (Tensor output : outputs) output.requireWritable();
    Lent given = new Lent(inputs);
    Lent into = new Lent(outputs);
    handle.use(
        at -> {
          Native.runInto(
              at, given.names, given.dtypes, given.shapes, given.data, into.names, into.dtypes, into.shapes, into.data);
          return null;
        });
  }

  /** Lets no further call begin, and frees the model: now, or when the calls of other threads have ended. */
  @Override
  public void close() {
    handle.close();
  }
}
