package io.torchferry;

/** One line that says what was found, what was expected and what to do, with an exit code of FORMAT.md section 11. */
public final class FerryException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public static final int MISMATCH = 1;
  public static final int USAGE = 2;
  public static final int FORMAT = 3;
  public static final int INTEGRITY = 4;
  public static final int UNAVAILABLE = 5;
  public static final int IO = 6;
  public static final int BAD_INPUT = 7;
  public static final int INTERNAL = 9;

  /** One of the codes above. */
  public final int code;

  public FerryException(int code, String message) {
    super(message);
    this.code = code;
  }
}
