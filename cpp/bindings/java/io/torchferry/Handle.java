package io.torchferry;

import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/** Something of libferry's that is freed once: by close(), or when nothing refers to its owner any more. */
final class Handle {
  private static final Cleaner CLEANER = Cleaner.create();

  private final AtomicLong pointer;
  private final String what;
  private final Cleaner.Cleanable cleanable;

  Handle(Object owner, long pointer, String what, LongConsumer close) {
    AtomicLong kept = new AtomicLong(pointer);
    this.pointer = kept;
    this.what = what;
    this.cleanable = CLEANER.register(owner, () -> close.accept(kept.getAndSet(0)));
  }

  /** Throws FerryException(USAGE) where it was closed. */
  long get() {
    long open = pointer.get();
    if (open == 0) throw new FerryException(FerryException.USAGE, what + ": got one that was closed, expected an open one");
    return open;
  }

  void close() {
    cleanable.clean();
  }
}
