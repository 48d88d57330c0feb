package io.torchferry;

/** What replaying the goldens came to: the JSON of `verify --json`, and why it is no proof. */
public final class Report {
  public final boolean passed;
  public final String json;
  public final String problem;

  Report(boolean passed, byte[] json, byte[] problem) {
    this.passed = passed;
    this.json = Native.text(json);
    this.problem = Native.text(problem);
  }
}
