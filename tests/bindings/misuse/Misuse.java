import io.torchferry.Batcher;
import io.torchferry.BatcherOptions;
import io.torchferry.Bundle;
import io.torchferry.Call;
import io.torchferry.DType;
import io.torchferry.FerryException;
import io.torchferry.Session;
import io.torchferry.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;

/** `Misuse CASE BUNDLE ENGINE ABSENT < IMAGE`: see tests/bindings/test_misuse.py. */
final class Misuse {
  private Misuse() {}

  private static final long[] FLOATS = {1, 10};

  private static ByteBuffer piece(ByteBuffer memory, int from, int size) {
    ByteBuffer part = memory.duplicate();
    part.position(from).limit(from + size);
    return part.slice();
  }

  private static Collection<Tensor> into(Session session, Tensor image, String name) {
    ByteBuffer memory = ByteBuffer.allocateDirect(128);
    Tensor logits = Tensor.direct("logits", DType.FLOAT32, FLOATS, piece(memory, 0, name.equals("small") ? 36 : 40));
    int second = name.equals("overlap") ? 36 : name.equals("misaligned") ? 41 : 40;
    Tensor probabilities = Tensor.direct("probabilities", DType.FLOAT32, FLOATS, piece(memory, second, 40));
    Tensor label = Tensor.zeros("label", DType.INT64, 1);
    if (name.equals("read-only"))
      probabilities = Tensor.direct("probabilities", DType.FLOAT32, FLOATS, piece(memory, 40, 40).asReadOnlyBuffer());
    session.runInto(new Tensor[] {image}, new Tensor[] {logits, probabilities, label});
    return List.of(logits, probabilities, label);
  }

  private static Collection<Tensor> batched(Bundle bundle, String engine, Tensor image, String name) {
    boolean brief = name.equals("late") || name.equals("batch");
    Duration wait = brief ? Duration.ofMillis(50) : Duration.ofMinutes(1);
    BatcherOptions options = new BatcherOptions().most(2).wait(wait).queue(2).keepBits(name.equals("kept"));
    try (Batcher batcher = bundle.batcher(engine, "cpu", 1, options)) {
      if (name.equals("closed-batcher")) batcher.close();
      Call call = name.equals("late") ? batcher.submit(Duration.ofMillis(1), image) : batcher.submit(image);
      if (name.equals("full")) batcher.run(Tensor.of("image", DType.UINT8, new long[] {2, 8, 8}, new byte[128]));
      if (name.equals("cancelled") || name.equals("twice")) call.cancel();
      if (name.equals("twice")) call.cancel();
      return call.get().values();
    }
  }

  private static void misuse(String name, String path, String engine, String absent) throws IOException {
    Tensor image = Tensor.of("image", DType.UINT8, new long[] {1, 8, 8}, System.in.readAllBytes());
    try (Bundle bundle = Bundle.open(Path.of(path));
        Session session = bundle.session(engine)) {
      Collection<Tensor> outputs = List.of();
      if (List.of("into", "small", "misaligned", "overlap", "read-only").contains(name)) outputs = into(session, image, name);
      else if (name.equals("no-bytes")) Bundle.fromMemory(null);
      else if (name.equals("absent"))
        System.out.write(bundle.verify(absent, "cpu", 1, 1).json.getBytes(StandardCharsets.UTF_8));
      else if (name.equals("closed")) {
        session.close();
        outputs = session.run(image).values();
      } else outputs = batched(bundle, engine, image, name);
      for (Tensor output : outputs) {
        byte[] bytes = new byte[output.data().remaining()];
        output.data().get(bytes);
        System.out.write(bytes);
      }
      System.out.flush();
    }
  }

  public static void main(String[] words) throws IOException {
    try {
      misuse(words[0], words[1], words[2], words[3]);
    } catch (FerryException error) {
      System.err.println("error: " + error.getMessage());
      System.exit(error.code);
    }
  }
}
