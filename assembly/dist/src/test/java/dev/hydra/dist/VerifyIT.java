package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.example.hydra.ema.EmaFactory;
import dev.hydra.dist.probe.ExplodingFactory;
import dev.hydra.dist.probe.PeekingFactory;
import dev.hydra.dist.probe.ThrowingFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code hydra plugins verify}, for plugins of others. */
class VerifyIT {
  @TempDir Path folder;

  private Hydra.Result verify(Path jar, String... more) throws Exception {
    Hydra hydra = new Hydra(Hydra.HOME.resolve("bin/hydra"), folder).in(folder);
    String[] arguments = new String[3 + more.length];
    arguments[0] = "plugins";
    arguments[1] = "verify";
    arguments[2] = jar.toString();
    System.arraycopy(more, 0, arguments, 3, more.length);
    return hydra.run(arguments);
  }

  private void refuses(Path jar, int code, String message) throws Exception {
    Hydra.Result result = verify(jar);
    assertEquals(code, result.exitCode(), result.toString());
    assertThat(String.join("\n", result.err())).as(result.toString()).contains(message);
  }

  @Test
  void exampleKeepsTheContract() throws Exception {
    Path jar =
        Path.of(EmaFactory.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    Hydra.Result result = verify(jar);
    assertEquals(0, result.exitCode(), result.toString());
    assertThat(result.out().get(0))
        .as(result.toString())
        .startsWith("mixer ema of com.example.hydra.ema 1.0.0+");
    assertEquals("all passed", result.out().get(result.out().size() - 1));
    assertTrue(result.out().size() > 12, result.toString());
  }

  /** One that cannot have the usual width, and one that nests a component of another jar. */
  @ParameterizedTest
  @CsvSource({"mixer-mamba, mamba2", "ffn-moe, moe"})
  void theDistributionsOwnComponentsNeedNoOptions(String plugin, String type) throws Exception {
    Hydra.Result result = verify(Hydra.jar(plugin), "--type", type);
    assertEquals(0, result.exitCode(), result.toString());
    assertEquals("all passed", result.out().get(result.out().size() - 1));
  }

  @Test
  void nonCausalMixerIsFoundOut() throws Exception {
    Path jar = folder.resolve("peeking.jar");
    TestBundle.plugin("peeking", PeekingFactory.class)
        .with(
            "Import-Package",
            "dev.hydra.api,org.bytedeco.javacpp,"
                + "org.bytedeco.pytorch;version=\"[2.10,2.11)\",org.bytedeco.pytorch.global")
        .writeTo(jar);
    Hydra.Result result = verify(jar);
    assertEquals(1, result.exitCode(), result.toString());
    List<String> failed =
        result.out().stream()
            .filter(line -> line.startsWith("  FAIL"))
            .map(line -> line.substring(8, 38).strip())
            .toList();
    assertEquals(
        List.of(
            "causality",
            "chunked = whole",
            "token by token = whole",
            "rows of different length",
            "taken back = never further",
            "packed = separate documents"),
        failed);
  }

  /** What LibTorch refuses is said in one line for each check, without native frames. */
  @Test
  void aMixerThatThrowsIsToldWhereItDoes() throws Exception {
    Path jar = folder.resolve("throwing.jar");
    TestBundle.plugin("throwing", ThrowingFactory.class)
        .with(
            "Import-Package",
            "dev.hydra.api,org.bytedeco.javacpp,"
                + "org.bytedeco.pytorch;version=\"[2.10,2.11)\",org.bytedeco.pytorch.global")
        .writeTo(jar);
    Hydra.Result result = verify(jar);
    assertEquals(1, result.exitCode(), result.toString());
    assertThat(result.out())
        .as(result.toString())
        .anyMatch(
            line ->
                line.contains("shape and type")
                    && line.contains("it failed in ThrowingFactory.")
                    && line.contains("operator view: "))
        .noneMatch(line -> line.contains("frame #") || line.contains("Exception raised"));
    assertThat(result.err()).isEmpty();
  }

  @Test
  void jarsThatCannotBeUsedAreRefused() throws Exception {
    refuses(folder.resolve("none.jar"), 2, "there is no file");
    Path corrupt = Files.writeString(folder.resolve("corrupt.jar"), "half a downl");
    refuses(corrupt, 1, "plugin " + corrupt + " skipped: it cannot be read");
    Path other = folder.resolve("other.jar");
    TestBundle.plugin("bad", PeekingFactory.class)
        .with("Import-Package", "dev.hydra.api,org.bytedeco.pytorch;version=\"[3.0,3.1)\"")
        .writeTo(other);
    refuses(other, 1, "but there is version 2.10.0");
    Path exploding = folder.resolve("exploding.jar");
    TestBundle.plugin("exploding", ExplodingFactory.class).writeTo(exploding);
    refuses(exploding, 1, "offers nothing that can be used");
  }
}
