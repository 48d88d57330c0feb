package io.torchferry;

/** The element types of a contract, in the order of ferry/engine.h. */
public enum DType {
  BOOL(1),
  UINT8(1),
  INT8(1),
  INT16(2),
  INT32(4),
  INT64(8),
  FLOAT32(4),
  FLOAT64(8),
  /** IEEE 754 binary16, as the 16 bits of a short: Float.float16ToFloat converts them from Java 20 on. */
  FLOAT16(2),
  /** The upper 16 bits of a float, as those of a short. */
  BFLOAT16(2);

  /** Bytes of one element. */
  public final int size;

  DType(int size) {
    this.size = size;
  }

  static DType of(int number) {
    return values()[number];
  }
}
