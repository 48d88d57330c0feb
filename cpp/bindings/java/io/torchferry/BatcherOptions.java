package io.torchferry;

import java.time.Duration;

/** How calls are joined; every setter gives the options themselves. */
public final class BatcherOptions {
  long most = 16;
  Duration wait = Duration.ofMillis(1);
  long queue = 1024;
  boolean keepBits = true;

  /** Samples of one joined call, and no more than the contract's N may be; default: 16. */
  public BatcherOptions most(long samples) {
    most = samples;
    return this;
  }

  /** How long a call waits for others while there are fewer than `most`; default: 1 ms. */
  public BatcherOptions wait(Duration time) {
    wait = time;
    return this;
  }

  /** Samples that may wait; a call beyond is UNAVAILABLE at once; default: 1024. */
  public BatcherOptions queue(long samples) {
    queue = samples;
    return this;
  }

  /** Only an engine that computes one sample after the other, `c` or `c-int8`: each answer has the bits of a call of its own. */
  public BatcherOptions keepBits(boolean keep) {
    keepBits = keep;
    return this;
  }
}
