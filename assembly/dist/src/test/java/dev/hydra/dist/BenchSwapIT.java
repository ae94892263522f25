package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The proofs of {@code hydra bench swap}, on a model with every kind of component. */
class BenchSwapIT {
  @TempDir Path folder;

  @Test
  void everyProofPasses() throws Exception {
    Hydra.Result result = bench("--swaps", "20", "--set", "data.sequence-length=64");
    assertEquals(0, result.exitCode(), result.toString());
    List<String> proofs = result.out().stream().filter(line -> line.startsWith("passed ")).toList();
    assertEquals(8, proofs.size(), result.toString());
    assertThat(proofs.get(3)).contains(": 14 of 14 refused, losses bit-identical");
    try (var left = Files.list(folder.resolve("temporary"))) {
      assertEquals(List.of(), left.filter(each -> each.toString().contains("bench")).toList());
    }
  }

  @Test
  void sayWhatIsWrong() throws Exception {
    Hydra.Result unknown = bench("--only", "nothing");
    assertEquals(2, unknown.exitCode(), unknown.toString());
    assertThat(unknown.err().get(unknown.err().size() - 1))
        .as(unknown.toString())
        .contains("there is no proof nothing, only [");
  }

  private Hydra.Result bench(String... arguments) throws Exception {
    Path temporary = Files.createDirectories(folder.resolve("temporary"));
    List<String> all = new java.util.ArrayList<>(List.of("bench", "swap", "--device", "cpu"));
    all.addAll(List.of(arguments));
    return Hydra.withPlugins(Files.createDirectories(folder.resolve("none")), folder)
        .with("HYDRA_OPTS", "-Djava.io.tmpdir=" + temporary)
        .in(folder)
        .run(all.toArray(String[]::new));
  }
}
