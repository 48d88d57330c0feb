import io.torchferry.Bundle;
import io.torchferry.FerryException;
import io.torchferry.Session;
import io.torchferry.Tensor;
import java.nio.file.Path;

/** `Trial BUNDLE`: a user's program in Java; see tests/package/test_wheel_languages.py. */
final class Trial {
  private Trial() {}

  public static void main(String[] words) {
    try (Bundle bundle = Bundle.open(Path.of(words[0])).allowNative();
        Session session = bundle.session("c")) {
      Tensor input = Tensor.of("measurements", new long[] {1, 2}, 5.1f, 1.8f);
      System.out.println(session.run(input).get("net_input").floats()[0]);
      System.out.println(bundle.verify("c", "cpu", 1, 1).passed ? "same" : "other");
    } catch (FerryException error) {
      System.err.println("error: " + error.getMessage());
      System.exit(error.code);
    }
  }
}
