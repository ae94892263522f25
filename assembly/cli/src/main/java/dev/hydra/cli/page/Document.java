package dev.hydra.cli.page;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;

/** A page of HTML with plots and tables, which loads nothing else. */
public final class Document {
  private final StringBuilder html = new StringBuilder();

  /**
   * Begins a page.
   *
   * @param legend the names of what is drawn, in the order of their colours
   */
  public Document(String title, List<String> legend) {
    html.append("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n")
        .append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .append("<title>" + Html.escape(title) + "</title>\n<style>\n" + style())
        .append("</style></head>\n<body><header><h1>" + Html.escape(title) + "</h1>\n")
        .append("<p class=\"legend\">");
    for (int i = 0; i < legend.size(); i++) {
      html.append("<span><i class=\"c" + i % Plot.COLOURS + "\"></i>")
          .append(Html.escape(legend.get(i)) + "</span>");
    }
    html.append("</p>\n</header>\n<main>\n");
  }

  private static String style() {
    try (InputStream css =
        Objects.requireNonNull(Document.class.getResourceAsStream("page.css"), "page.css")) {
      return new String(css.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Adds a paragraph. */
  public void paragraph(String text) {
    html.append("<p>" + Html.escape(text) + "</p>\n");
  }

  /** Adds plots under a heading; those that are empty are left out, and a heading without any. */
  public void section(String title, String note, List<Plot> plots) {
    List<Plot> drawn = plots.stream().filter(plot -> !plot.isEmpty()).toList();
    if (!drawn.isEmpty()) {
      heading(title, note);
      html.append("<div class=\"plots\">\n");
      drawn.forEach(plot -> html.append(plot.svg()));
      html.append("</div>\n");
    }
  }

  private void heading(String title, String note) {
    html.append("<h2>" + Html.escape(title));
    if (!note.isEmpty()) {
      html.append(" <small>" + Html.escape(note) + "</small>");
    }
    html.append("</h2>\n");
  }

  /** Adds a table. */
  public void table(Table table) {
    heading(table.title(), table.note());
    if (table.rows().isEmpty()) {
      return;
    }
    html.append("<div class=\"wide\"><table><thead>");
    row("th", table.header());
    html.append("</thead><tbody>\n");
    table.rows().forEach(cells -> row("td", cells));
    html.append("</tbody></table></div>\n");
  }

  private void row(String element, List<String> cells) {
    html.append("<tr>");
    for (String cell : cells) {
      html.append("<" + element + ">" + Html.escape(cell) + "</" + element + ">");
    }
    html.append("</tr>\n");
  }

  /** Adds text as it stands, folded away. */
  public void details(String summary, String text) {
    html.append("<details><summary>" + Html.escape(summary) + "</summary><pre>")
        .append(Html.escape(text))
        .append("</pre></details>\n");
  }

  /** Ends the page and returns it. */
  public String end() {
    return html.append("</main></body></html>\n").toString();
  }
}
