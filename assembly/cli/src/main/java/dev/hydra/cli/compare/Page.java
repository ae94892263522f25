package dev.hydra.cli.compare;

import dev.hydra.composer.config.ConfigFiles;
import java.util.List;
import java.util.stream.Collectors;

/** A page of HTML with plots and tables of runs, which loads nothing else. */
final class Page {
  private final Comparison comparison;
  private final List<Run> runs;

  Page(Comparison comparison) {
    this.comparison = comparison;
    runs = comparison.runs();
  }

  /** Returns the page. */
  String html() {
    String names = runs.stream().map(Run::name).collect(Collectors.joining(", "));
    String title = (runs.size() == 1 ? "Run " : "Runs ") + names;
    StringBuilder html = new StringBuilder();
    html.append("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n")
        .append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .append("<title>" + Html.escape(title) + "</title>\n<style>\n" + Sections.style())
        .append("</style></head>\n<body><header><h1>" + Html.escape(title) + "</h1>\n")
        .append(new Sections(comparison).legend().html())
        .append("</header>\n<main>\n");
    Sections sections = new Sections(comparison).plots();
    if (runs.size() == 1) {
      sections = sections.components();
    }
    comparison.tables().forEach(sections::table);
    html.append(sections.html());
    if (runs.size() == 1) {
      html.append("<details><summary>Configuration</summary><pre>")
          .append(Html.escape(ConfigFiles.render(runs.get(0).config())))
          .append("</pre></details>\n");
    }
    return html.append("</main></body></html>\n").toString();
  }
}
