package dev.hydra.data;

import dev.hydra.chat.ChatTemplate;
import java.util.Optional;

/** A text to train on. Reading it again gives the same. */
@FunctionalInterface
public interface Source {
  /**
   * Reads the whole text.
   *
   * @param sink receives the text in order, UTF-8, in pieces that end where characters end, with
   *     nothing between them, and is told where documents end
   * @throws dev.hydra.api.ConfigException if it cannot be read to its end, naming the line of the
   *     configuration that is to blame; see {@link dev.hydra.api.Settings#invalid}
   */
  void read(TextSink sink);

  /**
   * Says which files it reads, and how: then what is made of them can be kept. Nothing if it reads
   * something else.
   *
   * @throws dev.hydra.api.ConfigException if they cannot be found
   */
  default Optional<SourceFiles> files() {
    return Optional.empty();
  }

  /**
   * Returns the template that makes its text of conversations, which a run takes along so that its
   * model can be talked with; nothing if its text is no conversations.
   */
  default Optional<ChatTemplate> chatTemplate() {
    return Optional.empty();
  }
}
