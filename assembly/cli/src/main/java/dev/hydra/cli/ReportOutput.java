package dev.hydra.cli;

import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.page.Report;
import dev.hydra.cli.page.Table;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Says in which forms results are written. */
final class ReportOutput {
  @Option(names = "--json", description = "One JSON object.")
  private boolean json;

  @Option(
      names = "--html",
      paramLabel = "FILE",
      description = "Also a page with plots, in one file that loads nothing else.")
  private @Nullable Path page;

  /** Writes results as it was asked for. */
  void write(Report report, PrintWriter out) throws IOException {
    check();
    if (page != null) {
      Files.writeString(page, report.html());
    }
    if (json) {
      out.println(Json.line(report.json()));
    } else {
      List<Table> tables = report.tables();
      for (int i = 0; i < tables.size(); i++) {
        if (i > 0) {
          out.println();
        }
        tables.get(i).print(out);
      }
    }
    if (page != null && !json) {
      out.println();
      out.println("the page is written to " + page);
    }
    out.flush();
  }

  /**
   * Checks that what was asked for can be written, before the work whose results it is to hold.
   *
   * @throws UsageException if the page cannot be
   */
  void check() {
    if (page == null) {
      return;
    }
    Path folder = page.toAbsolutePath().normalize().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new UsageException("--html " + page + ": there is no folder " + folder);
    }
    if (Files.isDirectory(page)) {
      throw new UsageException("--html " + page + " is a folder; name a file in it");
    }
  }
}
