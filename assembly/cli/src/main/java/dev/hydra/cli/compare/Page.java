package dev.hydra.cli.compare;

import dev.hydra.cli.page.Document;
import dev.hydra.cli.page.Parts;
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
    Sections sections = new Sections(comparison).plots();
    if (runs.size() == 1) {
      sections = sections.components();
    }
    comparison.tables().forEach(sections::table);
    String configuration =
        runs.size() == 1
            ? new Parts().details("Configuration", ConfigFiles.render(runs.get(0).config())).html()
            : "";
    return Document.of(
        title, runs.stream().map(Run::name).toList(), sections.html() + configuration);
  }
}
