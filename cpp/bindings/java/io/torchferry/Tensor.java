package io.torchferry;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;

/** A named tensor in C order: an input that is lent to a call, or an output. */
public final class Tensor {
  public final String name;
  public final DType dtype;
  private final long[] shape;
  private final ByteBuffer data;

  private Tensor(String name, DType dtype, long[] shape, ByteBuffer data) {
    this.name = Objects.requireNonNull(name, "name");
    this.dtype = Objects.requireNonNull(dtype, "dtype");
    this.shape = shape.clone();
    this.data = data.order(ByteOrder.nativeOrder());
  }

  /** The remaining bytes of a direct buffer, which are not copied. Throws FerryException(BAD_INPUT) for another buffer. */
  public static Tensor direct(String name, DType dtype, long[] shape, ByteBuffer data) {
    if (!data.isDirect())
      throw new FerryException(FerryException.BAD_INPUT, "input " + name + ": data: got a buffer in the heap, expected a direct one");
    return new Tensor(name, dtype, shape, data.slice());
  }

  /** Zeros, as memory for an output of that shape. Throws FerryException(USAGE) for a shape that holds no such memory. */
  public static Tensor zeros(String name, DType dtype, long... shape) {
    long bytes = dtype.size;
    for (long dim : shape) bytes = dim < 0 || dim > Integer.MAX_VALUE ? -1 : bytes * dim > Integer.MAX_VALUE ? -1 : bytes * dim;
    if (bytes < 0)
      throw new FerryException(FerryException.USAGE, "output " + name + ": shape: got no size of up to 2 GiB, expected one");
    return new Tensor(name, dtype, shape, ByteBuffer.allocateDirect((int) bytes));
  }

  public static Tensor of(String name, long[] shape, float... values) {
    Tensor tensor = allocate(name, DType.FLOAT32, shape, values.length);
    tensor.data.asFloatBuffer().put(values);
    return tensor;
  }

  public static Tensor of(String name, long[] shape, double... values) {
    Tensor tensor = allocate(name, DType.FLOAT64, shape, values.length);
    tensor.data.asDoubleBuffer().put(values);
    return tensor;
  }

  public static Tensor of(String name, long[] shape, long... values) {
    Tensor tensor = allocate(name, DType.INT64, shape, values.length);
    tensor.data.asLongBuffer().put(values);
    return tensor;
  }

  public static Tensor of(String name, long[] shape, int... values) {
    Tensor tensor = allocate(name, DType.INT32, shape, values.length);
    tensor.data.asIntBuffer().put(values);
    return tensor;
  }

  /** The bits of INT16, FLOAT16 or BFLOAT16. Throws FerryException(BAD_INPUT) for another dtype. */
  public static Tensor of(String name, DType dtype, long[] shape, short... bits) {
    if (dtype.size != Short.BYTES)
      throw new FerryException(FerryException.BAD_INPUT, "input " + name + ": got shorts for " + dtype + ", expected a dtype of 16 bits");
    Tensor tensor = allocate(name, dtype, shape, bits.length);
    tensor.data.asShortBuffer().put(bits);
    return tensor;
  }

  /** Bytes as `dtype`, which has a size of one byte or tells how many of them are an element. */
  public static Tensor of(String name, DType dtype, long[] shape, byte... bytes) {
    ByteBuffer data = ByteBuffer.allocateDirect(bytes.length);
    data.duplicate().put(bytes);
    return new Tensor(name, dtype, shape, data);
  }

  private static Tensor allocate(String name, DType dtype, long[] shape, int count) {
    return new Tensor(name, dtype, shape, ByteBuffer.allocateDirect(Math.multiplyExact(count, dtype.size)));
  }

  static Tensor output(byte[] name, int dtype, long[] shape, byte[] bytes) {
    return new Tensor(Native.text(name), DType.of(dtype), shape, ByteBuffer.wrap(bytes));
  }

  public long[] shape() {
    return shape.clone();
  }

  /** The bytes, in the processor's order. */
  public ByteBuffer data() {
    return data.duplicate().order(ByteOrder.nativeOrder());
  }

  /** The elements of a FLOAT32. Throws FerryException(BAD_INPUT) for another dtype. */
  public float[] floats() {
    float[] values = new float[count(DType.FLOAT32)];
    data.asFloatBuffer().get(values);
    return values;
  }

  /** The elements of a FLOAT64. Throws FerryException(BAD_INPUT) for another dtype. */
  public double[] doubles() {
    double[] values = new double[count(DType.FLOAT64)];
    data.asDoubleBuffer().get(values);
    return values;
  }

  /** The elements of an INT64. Throws FerryException(BAD_INPUT) for another dtype. */
  public long[] longs() {
    long[] values = new long[count(DType.INT64)];
    data.asLongBuffer().get(values);
    return values;
  }

  /** The elements of an INT32. Throws FerryException(BAD_INPUT) for another dtype. */
  public int[] ints() {
    int[] values = new int[count(DType.INT32)];
    data.asIntBuffer().get(values);
    return values;
  }

  /** The bits of an INT16, FLOAT16 or BFLOAT16. Throws FerryException(BAD_INPUT) for another dtype. */
  public short[] shorts() {
    short[] values = new short[count(dtype.size == Short.BYTES ? dtype : DType.INT16)];
    data.asShortBuffer().get(values);
    return values;
  }

  void requireWritable() {
    if (data.isReadOnly() || !data.isDirect())
      throw new FerryException(
          FerryException.BAD_INPUT, "output " + name + ": data: got memory that cannot be written, expected a direct buffer");
  }

  private int count(DType wanted) {
    if (dtype != wanted)
      throw new FerryException(FerryException.BAD_INPUT, "output " + name + ": got " + dtype + ", expected " + wanted);
    return data.limit() / wanted.size;
  }
}
