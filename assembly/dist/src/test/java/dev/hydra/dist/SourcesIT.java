package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sources whose libraries are within their bundle, native ones among them. */
class SourcesIT {
  private static final Path TABLES =
      Path.of("../../plugins/core/data/src/test/resources/dev/hydra/data/parquet").toAbsolutePath();

  @TempDir Path folder;

  @Test
  void aMixtureOfTablesIsTrainedOn() throws Exception {
    Files.writeString(
        folder.resolve("tables.conf"),
        """
        model { vocab-size = 256, width = 16, depth = 1, block.paths = [{ ffn { type = gelu, hidden = 16 } }] }
        data {
          sequence-length = 16, validation-fraction = 0
          sources = [
            { source = parquet, files = [TABLES/snappy-v1.parquet], field = all }
            { source = parquet, files = ["TABLES/zstd-*.parquet"], field = struct.text, on-error = skip }
          ]
        }
        trainer { steps = 1, batch-size = 2 }
        """
            .replace("TABLES", TABLES.toString()));
    Hydra hydra = Hydra.withPlugins(Files.createDirectory(folder.resolve("plugins")), folder);
    Hydra.Result trained = hydra.in(folder).run("train", "tables.conf", "--run-dir", "run");
    assertEquals(0, trained.exitCode(), trained.toString());
    assertThat(String.join("\n", trained.err()))
        .contains("rows without a text left out, the first: " + TABLES.resolve("zstd-v1.parquet"))
        .doesNotContainIgnoringCase("slf4j");
  }
}
