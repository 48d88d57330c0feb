package io.torchferry;

import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;

/** Tensors as the native methods take them. */
final class Lent {
  final byte[][] names;
  final int[] dtypes;
  final long[][] shapes;
  final ByteBuffer[] data;

  Lent(Tensor[] tensors) {
    names = new byte[tensors.length][];
    dtypes = new int[tensors.length];
    shapes = new long[tensors.length][];
    data = new ByteBuffer[tensors.length];
    for (int i = 0; i < tensors.length; ++i) {
      names[i] = Native.bytes(tensors[i].name);
      dtypes[i] = tensors[i].dtype.ordinal();
      shapes[i] = tensors[i].shape();
      data[i] = tensors[i].data();
    }
  }

  /** Outputs by name, in their order. */
  static Map<String, Tensor> named(Tensor[] outputs) {
    Map<String, Tensor> found = new LinkedHashMap<>();
    for (Tensor output : outputs) found.put(output.name, output);
    return found;
  }
}
