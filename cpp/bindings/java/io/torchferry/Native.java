package io.torchferry;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** The C ABI. Texts are UTF-8, as C has them; handles are pointers. */
final class Native {
  static {
    String library = System.getProperty("torchferry.library");
    if (library == null) System.loadLibrary("ferry_jni");
    else System.load(library);
  }

  private Native() {}

  static native long openBundle(byte[] path, byte[] keys);

  static native long openMemory(byte[] content);

  static native void closeBundle(long bundle);

  static native byte[] name(long bundle);

  static native byte[] digest(long bundle);

  static native byte[] manifest(long bundle);

  static native byte[] engine(long bundle, int index);

  static native byte[] className(long bundle, int index);

  static native TensorSpec input(long bundle, int index);

  static native TensorSpec output(long bundle, int index);

  static native void allowNative(long bundle);

  static native void allowOperator(long bundle, byte[] name);

  static native void isolate(long bundle);

  static native void setTimeout(long bundle, double seconds);

  static native long openSession(long bundle, byte[] engine, byte[] device, int threads);

  static native void closeSession(long session);

  static native byte[] runtime(long session);

  static native byte[] numerics(long session);

  static native Tensor[] run(long session, byte[][] names, int[] dtypes, long[][] shapes, ByteBuffer[] data);

  static native void runInto(
      long session,
      byte[][] names,
      int[] dtypes,
      long[][] shapes,
      ByteBuffer[] data,
      byte[][] outputNames,
      int[] outputDtypes,
      long[][] outputShapes,
      ByteBuffer[] outputData);

  static native long openBatcher(
      long bundle, byte[] engine, byte[] device, int threads, long most, long waitUs, long queue, boolean keepBits);

  static native void closeBatcher(long batcher);

  static native long submit(long batcher, byte[][] names, int[] dtypes, long[][] shapes, ByteBuffer[] data, long limitUs);

  static native Tensor[] get(long call);

  static native void cancel(long call);

  static native void closeCall(long call);

  static native Report verify(long bundle, byte[] engine, byte[] device, int threads, int calls);

  /** Throws FerryException(USAGE) for a NUL, behind which C would read nothing. */
  static byte[] bytes(String text) {
    if (text == null) return null;
    if (text.indexOf('\0') >= 0) throw new FerryException(FerryException.USAGE, "text: got a NUL in it, expected none");
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static String text(byte[] bytes) {
    return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
  }
}
