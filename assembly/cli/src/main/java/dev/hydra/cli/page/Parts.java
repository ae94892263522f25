package dev.hydra.cli.page;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;

/** Writes the parts of a page: plots and tables as HTML, which load nothing. */
public final class Parts {
  private final StringBuilder html = new StringBuilder();

  /** Returns the style sheet that the parts need. */
  public static String style() {
    try (InputStream css =
        Objects.requireNonNull(Parts.class.getResourceAsStream("page.css"), "page.css")) {
      return new String(css.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns what was written. */
  public String html() {
    return html.toString();
  }

  /** Writes which colour is that of which name, in their order. */
  public Parts legend(List<String> names) {
    html.append("<p class=\"legend\">");
    for (int i = 0; i < names.size(); i++) {
      html.append("<span><i class=\"c" + i % Plot.COLOURS + "\"></i>")
          .append(Html.escape(names.get(i)) + "</span>");
    }
    html.append("</p>\n");
    return this;
  }

  /** Writes a paragraph. */
  public Parts paragraph(String text) {
    html.append("<p>" + Html.escape(text) + "</p>\n");
    return this;
  }

  /** Writes plots under a heading; those that are empty are left out, and a heading without any. */
  public Parts section(String title, String note, List<Plot> plots) {
    List<Plot> drawn = plots.stream().filter(plot -> !plot.isEmpty()).toList();
    if (!drawn.isEmpty()) {
      heading(title, note);
      html.append("<div class=\"plots\">\n");
      drawn.forEach(plot -> html.append(plot.svg()));
      html.append("</div>\n");
    }
    return this;
  }

  private void heading(String title, String note) {
    html.append("<h2>" + Html.escape(title));
    if (!note.isEmpty()) {
      html.append(" <small>" + Html.escape(note) + "</small>");
    }
    html.append("</h2>\n");
  }

  /** Writes a table under a heading. */
  public Parts table(Table table) {
    heading(table.title(), table.note());
    if (table.rows().isEmpty()) {
      return this;
    }
    html.append("<div class=\"wide\"><table><thead>");
    row("th", table.header());
    html.append("</thead><tbody>\n");
    table.rows().forEach(cells -> row("td", cells));
    html.append("</tbody></table></div>\n");
    return this;
  }

  private void row(String element, List<String> cells) {
    html.append("<tr>");
    for (String cell : cells) {
      html.append("<" + element + ">" + Html.escape(cell) + "</" + element + ">");
    }
    html.append("</tr>\n");
  }

  /** Writes text as it stands, folded away. */
  public Parts details(String summary, String text) {
    html.append("<details><summary>" + Html.escape(summary) + "</summary><pre>")
        .append(Html.escape(text))
        .append("</pre></details>\n");
    return this;
  }
}
