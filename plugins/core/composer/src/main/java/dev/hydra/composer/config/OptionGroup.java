package dev.hydra.composer.config;

import dev.hydra.api.Option;
import java.util.List;

/**
 * The options of one object of a configuration, for its documentation.
 *
 * @param path where the object stands, such as {@code trainer.evaluation}
 * @param doc what it is, in sentences
 * @param options its options
 */
public record OptionGroup(String path, String doc, List<Option<?>> options) {
  /** Copies the list. */
  public OptionGroup {
    options = List.copyOf(options);
  }

  /** Returns a heading, the description and the table, each line ended. */
  public String markdown() {
    return "## `" + path + "`\n\n" + doc + "\n\n" + OptionTable.markdown(options);
  }
}
