package io.torchferry;

import java.lang.ref.Cleaner;
import java.util.function.LongConsumer;
import java.util.function.LongFunction;

/**
 * Something of libferry's that is freed once: when it was closed, or nothing refers to its owner any more, and the last call that uses
 * it has ended.
 */
final class Handle {
  private static final Cleaner CLEANER = Cleaner.create();

  private final Users users;
  private final Cleaner.Cleanable cleanable;

  Handle(Object owner, long pointer, String what, LongConsumer close) {
    this.users = new Users(pointer, what, close);
    this.cleanable = CLEANER.register(owner, users);
  }

  /** Runs a call with the pointer. Throws FerryException(USAGE) where it was closed. */
  <T> T use(LongFunction<T> call) {
    long pointer = users.begin();
    try {
      return call.apply(pointer);
    } finally {
      users.end();
    }
  }

  void close() {
    cleanable.clean();
  }

  // Refers to no owner.
  private static final class Users implements Runnable {
    private final long pointer;
    private final String what;
    private final LongConsumer close;
    private int running;
    private boolean closed;

    Users(long pointer, String what, LongConsumer close) {
      this.pointer = pointer;
      this.what = what;
      this.close = close;
    }

    synchronized long begin() {
      if (closed)
        throw new FerryException(FerryException.USAGE, what + ": got one that was closed, expected an open one");
      ++running;
      return pointer;
    }

    void end() {
      if (isLast()) close.accept(pointer);
    }

    @Override
    public void run() {
      if (isUnused()) close.accept(pointer);
    }

    private synchronized boolean isLast() {
      --running;
      return closed && running == 0;
    }

    private synchronized boolean isUnused() {
      closed = true;
      return running == 0;
    }
  }
}
