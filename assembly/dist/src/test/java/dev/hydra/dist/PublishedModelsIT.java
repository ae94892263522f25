package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Published models through the commands of the distribution. */
class PublishedModelsIT {
  /** The golden models, which the tests of the plugin keep. */
  private static final Path GOLDEN =
      Path.of("../../plugins/tools/huggingface/src/test/resources/golden")
          .toAbsolutePath()
          .normalize();

  @TempDir Path folder;

  private Hydra.Result run(String... arguments) throws IOException, InterruptedException {
    return new Hydra(Hydra.HOME.resolve("bin/hydra"), folder).in(folder).run(arguments);
  }

  private Hydra.Result ok(String... arguments) throws IOException, InterruptedException {
    Hydra.Result result = run(arguments);
    assertEquals(0, result.exitCode(), result.toString());
    return result;
  }

  @Test
  void importsGeneratesAndExports() throws Exception {
    Path golden = GOLDEN.resolve("granitemoehybrid");
    Hydra.Result imported = ok("import", "hf", golden.toString(), "--out", "granite");
    assertEquals(List.of(), imported.err());
    assertThat(imported.out().toString()).as(imported.toString()).contains("written to");

    Map<String, Object> expected =
        JSON.std.mapFrom(Files.readString(golden.resolve("generate.json")));
    Hydra.Result generated =
        ok(
            "generate",
            "--model",
            "granite",
            "--tokens",
            JSON.std.asString(expected.get("prompt")),
            "--max-tokens",
            "16",
            "--temperature",
            "0",
            "--precision",
            "fp32",
            "--json");
    Map<String, Object> line = JSON.std.mapFrom(generated.out().get(0));
    List<?> greedy = (List<?>) expected.get("greedy");
    assertEquals(greedy.subList(16, 32), line.get("tokens"), generated.toString());

    ok("export", "hf", "granite", "--out", "back");
    for (String file : List.of("config.json", "model.safetensors")) {
      assertArrayEquals(
          Files.readAllBytes(golden.resolve(file)),
          Files.readAllBytes(folder.resolve("back").resolve(file)),
          file);
    }
  }

  @Test
  void refusesByName() throws Exception {
    Path published = Files.createDirectory(folder.resolve("published"));
    String config = Files.readString(GOLDEN.resolve("llama/config.json"));
    Files.writeString(
        published.resolve("config.json"),
        config.replace(
            "\"rope_type\": \"default\"", "\"rope_type\": \"dynamic\", \"factor\": 2.0"));
    Hydra.Result unsupported = run("import", "hf", "published", "--out", "model");
    assertEquals(2, unsupported.exitCode(), unsupported.toString());
    assertThat(unsupported.err().get(0))
        .as(unsupported.toString())
        .contains("rope_type: = dynamic is not supported");
    Files.writeString(published.resolve("config.json"), config);
    Hydra.Result empty = run("import", "hf", "published", "--out", "model");
    assertEquals(1, empty.exitCode(), empty.toString());
    assertThat(empty.err().get(0)).as(empty.toString()).contains("has neither model.safetensors");
    assertThat(folder.resolve("model")).doesNotExist();
    Files.createFile(published.resolve("model.safetensors"));
    Hydra.Result early = run("generate", "--model", "published", "--tokens", "[1]");
    assertEquals(2, early.exitCode(), early.toString());
    assertThat(early.err().get(0)).as(early.toString()).contains("hydra import hf published --out");
    assertEquals(2, run("import", "hf", "missing", "--out", "model").exitCode());
    assertEquals(2, run("export", "hf", "missing", "--out", "back").exitCode());
  }
}
