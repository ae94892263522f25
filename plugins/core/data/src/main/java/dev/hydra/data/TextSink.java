package dev.hydra.data;

import java.util.function.Consumer;

/** Takes a text piece by piece. */
@FunctionalInterface
public interface TextSink extends Consumer<byte[]> {
  /** Ends a document; the next piece begins another one. */
  default void endOfDocument() {}
}
