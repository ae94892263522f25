package dev.hydra.composer.config;

import dev.hydra.api.Option;
import java.util.List;

/** Writes options as a table in Markdown, from the declarations that also read and check them. */
public final class OptionTable {
  private OptionTable() {}

  /** Returns the table, each line ended. */
  public static String markdown(List<Option<?>> options) {
    if (options.isEmpty()) {
      return "No options.\n";
    }
    StringBuilder table =
        new StringBuilder("| option | type | default | meaning |\n|---|---|---|---|\n");
    for (Option<?> option : options) {
      table
          .append("| `")
          .append(option.name())
          .append("` | ")
          .append(cell(option.type()))
          .append(" | ")
          .append(cell(option.otherwise()))
          .append(" | ")
          .append(cell(option.doc()))
          .append(" |\n");
    }
    return table.toString();
  }

  private static String cell(String text) {
    return text.replace("|", "\\|");
  }
}
