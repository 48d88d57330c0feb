package io.torchferry;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * An opened bundle, whose files have been checked.
 *
 * <pre>{@code
 * try (Bundle bundle = Bundle.open(Path.of("exported/digits-mlp"));
 *     Session session = bundle.session("onnxruntime")) {
 *   Tensor image = Tensor.of("image", DType.UINT8, new long[] {1, 8, 8}, pixels);
 *   long label = session.run(image).get("label").longs()[0];
 *   boolean same = bundle.verify().passed;
 * }
 * }</pre>
 */
public final class Bundle implements AutoCloseable {
  private final Handle handle;

  private Bundle(long pointer) {
    handle = new Handle(this, pointer, "bundle", Native::closeBundle);
  }

  /** Opens a folder, or the one file that `ferry pack` wrote; every file's SHA-256 is checked here. */
  public static Bundle open(Path path) {
    return new Bundle(Native.openBundle(Native.bytes(path.toString()), null));
  }

  /** The same, only if a key of `keys`, a file or a folder, signed it. */
  public static Bundle openTrusted(Path path, Path keys) {
    return new Bundle(Native.openBundle(Native.bytes(path.toString()), Native.bytes(keys.toString())));
  }

  /** Opens a copy of the bytes of a file that `ferry pack` wrote, an asset of an application for instance. */
  public static Bundle fromMemory(byte[] content) {
    if (content == null)
      throw new FerryException(FerryException.USAGE, "bytes: got null, expected those of a file that `ferry pack` wrote");
    return new Bundle(Native.openMemory(content));
  }

  public String name() {
    return Native.text(handle.use(Native::name));
  }

  /** SHA-256 of the manifest, which stands for the whole bundle. */
  public String digest() {
    return Native.text(handle.use(Native::digest));
  }

  /** The JSON of FORMAT.md section 2. */
  public String manifest() {
    return Native.text(handle.use(Native::manifest));
  }

  /** The engines that the bundle has artifacts for. */
  public List<String> engines() {
    return all((at, i) -> Native.text(Native.engine(at, i)));
  }

  /** The names of the classes; empty where the contract has none. */
  public List<String> classes() {
    return all((at, i) -> Native.text(Native.className(at, i)));
  }

  public List<TensorSpec> inputs() {
    return all(Native::input);
  }

  public List<TensorSpec> outputs() {
    return all(Native::output);
  }

  /** Lets later sessions run machine code of the bundle, which has all rights of this process. */
  public Bundle allowNative() {
    return changed(at -> Native.allowNative(at));
  }

  /** Lets TorchScript use an operator, as `aten::as_strided`, that may do more than compute. */
  public Bundle allowOperator(String name) {
    return changed(at -> Native.allowOperator(at, Native.bytes(name)));
  }

  /** Lets later sessions run their model in a child process that can do nothing but compute. */
  public Bundle isolate() {
    return changed(at -> Native.isolate(at));
  }

  /** Seconds for opening and for each call of later sessions; 0: no limit. */
  public Bundle setTimeout(double seconds) {
    return changed(at -> Native.setTimeout(at, seconds));
  }

  /** One engine of the bundle on the CPU with one thread, warmed up. */
  public Session session(String engine) {
    return session(engine, "cpu", 1);
  }

  /** One engine of the bundle on a device, `cpu` or `cuda:N`, warmed up. */
  public Session session(String engine, String device, int threads) {
    return handle.use(
        at -> new Session(Native.openSession(at, Native.bytes(engine), Native.bytes(device), threads)));
  }

  /** A session of its own whose calls, of many threads, are joined to larger ones. Throws FerryException(USAGE) for a contract whose
   * samples depend on each other, and for an engine that does not keep the bits that are asked for. */
  public Batcher batcher(String engine, String device, int threads, BatcherOptions options) {
    return handle.use(
        at ->
            new Batcher(
                Native.openBatcher(
                    at,
                    Native.bytes(engine),
                    Native.bytes(device),
                    threads,
                    options.most,
                    Batcher.microseconds(options.wait),
                    options.queue,
                    options.keepBits)));
  }

  /** Replays the goldens on every engine that can run here. Throws where there is nothing to report. */
  public Report verify() {
    return verify(null, "cpu", 1, 1);
  }

  /** The same on one engine, or with null on all, `calls` times. */
  public Report verify(String engine, String device, int threads, int calls) {
    return handle.use(at -> Native.verify(at, Native.bytes(engine), Native.bytes(device), threads, calls));
  }

  /** Frees the bundle; its sessions live on. */
  @Override
  public void close() {
    handle.close();
  }

  private Bundle changed(LongConsumer change) {
    return handle.use(
        at -> {
          change.accept(at);
          return this;
        });
  }

  private interface At<T> {
    T get(long bundle, int index);
  }

  private <T> List<T> all(At<T> from) {
    return handle.use(
        at -> {
          List<T> found = new ArrayList<>();
          for (T one = from.get(at, 0); one != null; one = from.get(at, found.size())) found.add(one);
          return found;
        });
  }
}
