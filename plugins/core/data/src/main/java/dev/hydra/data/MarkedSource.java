package dev.hydra.data;

import dev.hydra.chat.MarkedText;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/** A source of documents of which only the marked parts are to be predicted, such as chats. */
interface MarkedSource extends Source {
  /**
   * Reads all documents.
   *
   * @param sink receives them in order
   * @throws dev.hydra.api.ConfigException as {@link #read} does
   */
  void readMarked(Consumer<MarkedText> sink);

  @Override
  default void read(TextSink sink) {
    readMarked(
        document -> {
          sink.accept(document.text().getBytes(StandardCharsets.UTF_8));
          sink.endOfDocument();
        });
  }
}
