import io.torchferry.Batcher;
import io.torchferry.BatcherOptions;
import io.torchferry.Bundle;
import io.torchferry.Call;
import io.torchferry.DType;
import io.torchferry.FerryException;
import io.torchferry.Session;
import io.torchferry.Tensor;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;

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

  // Closes what four threads use, ten times; throws what the last of them got.
  private static void closing(Bundle bundle, String engine, boolean joined) throws Exception {
    Tensor image = Tensor.of("image", DType.UINT8, new long[] {64, 8, 8}, new byte[4096]);
    ConcurrentLinkedDeque<FerryException> failures = new ConcurrentLinkedDeque<>();
    for (int round = 0; round < 10; ++round) {
      Session session = bundle.session(engine);
      Batcher batcher = bundle.batcher(engine, "cpu", 1, new BatcherOptions().keepBits(false));
      Runnable use = joined ? () -> batcher.run(image) : () -> session.run(image);
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 4; ++i) threads.add(new Thread(() -> untilItFails(use, failures)));
      for (Thread thread : threads) thread.start();
      Thread.sleep(20);
      session.close();
      batcher.close();
      for (Thread thread : threads) thread.join();
    }
    throw failures.getLast();
  }

  private static void untilItFails(Runnable use, ConcurrentLinkedDeque<FerryException> failures) {
    try {
      while (true) use.run();
    } catch (FerryException error) {
      failures.add(error);
    }
  }

  private static void misuse(String name, String path, String engine, String absent) throws Exception {
    Tensor image = Tensor.of("image", DType.UINT8, new long[] {1, 8, 8}, System.in.readAllBytes());
    try (Bundle bundle = Bundle.open(Path.of(path));
        Session session = bundle.session(engine)) {
      Collection<Tensor> outputs = List.of();
      if (List.of("into", "small", "misaligned", "overlap", "read-only").contains(name)) outputs = into(session, image, name);
      else if (name.startsWith("closing")) closing(bundle, engine, name.equals("closing-batcher"));
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

  public static void main(String[] words) throws Exception {
    try {
      misuse(words[0], words[1], words[2], words[3]);
    } catch (FerryException error) {
      System.err.println("error: " + error.getMessage());
      System.exit(error.code);
    }
  }
}
