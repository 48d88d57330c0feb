import io.torchferry.Bundle;
import io.torchferry.FerryException;
import io.torchferry.Report;
import io.torchferry.Session;
import io.torchferry.Tensor;
import io.torchferry.TensorSpec;
import java.io.IOException;
import java.nio.file.Path;

/**
 * `Crossing run BUNDLE ENGINE < INPUT > OUTPUTS`: raw bytes of the one input in, raw bytes of all outputs out, in order.
 * `Crossing verify BUNDLE`: replays the goldens on every engine that can run here, and prints the report.
 */
final class Crossing {
  private Crossing() {}

  private static void run(Bundle bundle, String engine) throws IOException {
    TensorSpec spec = bundle.inputs().get(0);
    byte[] content = System.in.readAllBytes();
    long[] shape = spec.shape();
    long sample = spec.dtype.size;
    for (long dim : shape) if (dim >= 0) sample *= dim;
    for (int i = 0; i < shape.length; ++i) if (shape[i] < 0) shape[i] = content.length / sample;
    try (Session session = bundle.session(engine)) {
      for (Tensor output : session.run(Tensor.of(spec.name, spec.dtype, shape, content)).values())
        System.out.write(output.data().array());
    }
    System.out.flush();
  }

  private static void verify(Bundle bundle) {
    Report report = bundle.verify();
    System.out.print(report.json);
    System.out.flush();
    if (!report.passed) throw new FerryException(FerryException.MISMATCH, report.problem);
  }

  private static void cross(String[] arguments) throws IOException {
    if (arguments.length < 2) throw new FerryException(FerryException.USAGE, "usage: Crossing run BUNDLE ENGINE | verify BUNDLE");
    try (Bundle bundle = Bundle.open(Path.of(arguments[1]))) {
      if (arguments[0].equals("run")) run(bundle, arguments[2]);
      else verify(bundle);
    }
  }

  public static void main(String[] arguments) throws IOException {
    try {
      cross(arguments);
    } catch (FerryException error) {
      System.err.println("error: " + error.getMessage());
      System.exit(error.code);
    }
  }
}
