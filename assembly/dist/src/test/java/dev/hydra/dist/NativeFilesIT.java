package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Native libraries are whole before anything loads one of them. */
class NativeFilesIT {
  private static final String ENTRY = "org/bytedeco/small/linux-x86_64/libsmall.so.1";
  private static final byte[] CONTENT =
      "a library, as far as the launcher can tell".repeat(5000).getBytes(StandardCharsets.UTF_8);

  private Path folder;
  private Path cache;
  private Path jar;

  @BeforeEach
  void packASmallLibrary(@TempDir Path temporary) throws IOException {
    folder = temporary;
    cache = folder.resolve("cache");
    jar = folder.resolve("small.jar");
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
      JarEntry entry = new JarEntry(ENTRY);
      entry.setTime(1_700_000_000_000L);
      out.putNextEntry(entry);
      out.write(CONTENT);
    }
    Path plugins = Files.createDirectory(folder.resolve("plugins"));
    TestBundle.probe().writeTo(plugins.resolve("probe.jar"));
  }

  private Hydra hydra(String logs) throws IOException {
    return Hydra.withPlugins(
            folder.resolve("plugins"), Files.createDirectories(folder.resolve(logs)))
        .with("HYDRA_CACHE", cache);
  }

  private Hydra small(String logs) throws IOException {
    return hydra(logs).with("HYDRA_NATIVES", jar);
  }

  private Path library() {
    return cache.resolve("small.jar").resolve(ENTRY);
  }

  @Test
  void areUnpackedAsJavaCppWantsThem() throws Exception {
    assertEquals(List.of(), small("logs").run("exit", "0").err());
    assertArrayEquals(CONTENT, Files.readAllBytes(library()));
    assertEquals(1_700_000_000_000L, Files.getLastModifiedTime(library()).toMillis());
  }

  @Test
  void halfOfOneIsMendedAndSaid() throws Exception {
    Files.createDirectories(library().getParent());
    Files.write(library(), new byte[1000]);
    Path part = Files.createFile(library().resolveSibling(".libsmall.so.1-killed.part"));
    Hydra.Result result = small("logs").run("exit", "0");
    assertEquals(
        List.of("hydra: mended native libraries in " + cache + " that were damaged: libsmall.so.1"),
        result.err());
    assertArrayEquals(CONTENT, Files.readAllBytes(library()));
    assertThat(part).as("what a killed process was writing is still there").doesNotExist();
  }

  @Test
  void contentOfAnotherTimeIsReadNotTrusted() throws Exception {
    Files.createDirectories(library().getParent());
    Files.write(library(), new byte[CONTENT.length]);
    assertEquals(0, small("logs").run("exit", "0").exitCode());
    assertArrayEquals(CONTENT, Files.readAllBytes(library()));
  }

  @Test
  void aDamagedJarIsSaid() throws Exception {
    byte[] bytes = Files.readAllBytes(jar);
    Files.write(jar, java.util.Arrays.copyOf(bytes, bytes.length - 40));
    Hydra.Result result = small("logs").run("exit", "0");
    assertEquals(1, result.exitCode());
    assertThat(result.err().get(0)).as(result.toString()).contains(jar + " cannot be read");
  }

  @Test
  void aFolderThatCannotBeWrittenIsSaidAndAnotherTaken() throws Exception {
    Files.createFile(cache); // no folder can be made there, by root neither
    Path home = Files.createDirectory(folder.resolve("home"));
    Hydra.Result result =
        small("logs").with("HYDRA_JAVA_OPTS", "-Duser.home=" + home).run("exit", "0");
    assertEquals(0, result.exitCode(), result.toString());
    assertThat(result.err().get(0)).as(result.toString()).contains(cache.toString());
    assertThat(result.err().get(0)).as(result.toString()).contains("set HYDRA_CACHE");
    assertThat(home.resolve(".javacpp/cache/small.jar").resolve(ENTRY)).exists();
  }

  @Test
  void severalFirstStartsAtOnceAreSafe() throws Exception {
    List<Process> starts = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      starts.add(small("logs" + i).start("exit", "0"));
    }
    for (Process start : starts) {
      assertEquals(0, start.waitFor());
    }
    assertArrayEquals(CONTENT, Files.readAllBytes(library()));
    try (Stream<Path> files = Files.list(library().getParent())) {
      assertEquals(List.of(library()), files.toList());
    }
  }

  /** Loading libtorch.so takes this one along; half of it ended the process with SIGBUS. */
  @Test
  void halfOfLibTorchIsMendedBeforeItIsLoaded() throws Exception {
    assertEquals(0, hydra("first").run("exit", "0").exitCode());
    Path library;
    try (Stream<Path> files = Files.walk(cache)) {
      library = files.filter(file -> file.endsWith("libtorch_cpu.so")).findFirst().orElseThrow();
    }
    try (RandomAccessFile file = new RandomAccessFile(library.toFile(), "rw")) {
      file.setLength(20_000_000);
    }
    Hydra.Result result = hydra("second").run("libtorch");
    assertEquals(List.of("sum 6.0", "stopped"), result.out(), result.toString());
  }
}
