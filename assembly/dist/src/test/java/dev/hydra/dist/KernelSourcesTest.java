package dev.hydra.dist;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.hydra.libtorch.kernels.KernelCompiler;
import dev.hydra.libtorch.kernels.KernelException;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Every CUDA program of every jar can be compiled, for the oldest chip that kernels are for and for
 * Hopper, by NVRTC where it can be loaded, else by nvcc where that is found. No CUDA device is
 * needed.
 */
class KernelSourcesTest {
  /**
   * Macros of usual sizes that programs are tried with, by the names of programs; those of all
   * others are in {@link #COMMON}.
   */
  private static final Map<String, Map<String, Integer>> OWN =
      Map.ofEntries(
          Map.entry("pkm_read.cu", Map.of("DIM", 512, "READS", 32, "OUT_BF16", 1)),
          Map.entry("pkm_search.cu", Map.of("KEYS", 512, "TOP_K", 32)),
          Map.entry("pkm_products.cu", Map.of("KEYS", 512, "TOP_K", 32, "HALF", 128)),
          Map.entry("pkm_gradients.cu", Map.of("KEYS", 512, "TOP_K", 32, "HALF", 128, "SLICE", 64)),
          Map.entry("expert_choice.cu", Map.of("EXPERTS", 8, "LANES", 8, "ITEMS", 1)),
          Map.entry(
              "decode_attention.cu", Map.of("HEAD_DIM", 64, "GROUP", 4, "HEADS", 4, "GLOBALS", 1)),
          Map.entry("few_rows.cu", Map.of("WARPS", 8)),
          Map.entry("few_gated_rows.cu", Map.of("WARPS", 8)),
          Map.entry("chunk_step.cu", Map.of("EXPERTS", 8, "LANES", 8, "ITEMS", 1)),
          Map.entry("slot_states.cu", Map.of("DIM", 128)),
          Map.entry("slot_read.cu", slots()),
          Map.entry("slot_writes.cu", slots()),
          Map.entry("slot_writes_backward.cu", slots()),
          Map.entry("slot_writes_tiles.cu", slotTiles()),
          Map.entry("slot_writes_tiles_backward.cu", slotTiles()),
          Map.entry("slot_attention.cu", slotTiles()),
          Map.entry("cross_entropy.cu", Map.of("THREADS", 1024, "CACHED", 32_768)),
          Map.entry("adamw.cu", Map.of("THREADS", 512)),
          Map.entry("gradient_norm.cu", Map.of("THREADS", 512)));

  private static Map<String, Integer> slots() {
    return Map.of("CHUNK", 64, "SLOTS", 16, "HEADS", 4, "HEAD", 32, "DECODING", 1);
  }

  /** For bfloat16 only. */
  private static Map<String, Integer> slotTiles() {
    return Map.of("CHUNK", 64, "SLOTS", 64, "HEADS", 8, "HEAD", 64, "IN_FP32", 0);
  }

  private static final Map<String, Integer> COMMON = common();

  private static Map<String, Integer> common() {
    Map<String, Integer> macros = new TreeMap<>();
    macros.put("HEAD_DIM", 64);
    macros.put("STATE", 128);
    macros.put("KEY_DIM", 64);
    macros.put("VALUE_DIM", 64);
    macros.put("ADDENDS", 1);
    macros.put("CHUNK", 128);
    macros.put("SWEEP_P", 64);
    macros.put("SWEEP_N", 128);
    macros.put("FORWARD_P", 64);
    macros.put("VECTOR", 8);
    macros.put("LANES", 256);
    macros.put("ITEMS", 1);
    macros.put("UNITS", 1);
    macros.put("PARTS", 2);
    macros.put("THREADS", 256);
    macros.put("RESIDENT", 4);
    macros.put("TAPS", 4);
    macros.put("BIAS", 1);
    macros.put("PAST", 0);
    macros.put("ACTIVATION", 0);
    macros.put("NORM_FIRST", 0);
    macros.put("RESIDUAL", 1);
    macros.put("DOCUMENTS", 1);
    macros.put("SLICED", 1);
    macros.put("KEPT_FP16", 0);
    return macros;
  }

  /** The types that programs are written for: 1 means bfloat16, and IN_FP32 the contrary. */
  private static final List<String> TYPES =
      List.of("ELEMENT_BF16", "INPUT_BF16", "STREAM_BF16", "WEIGHT_BF16", "OUT_BF16", "KEPT_BF16");

  private static final Pattern FILE = Pattern.compile("#line 1 \"([^\"]+)\"");

  /** Every program that a constant of a class holds, by its text. */
  private static Map<String, KernelSource> programs = Map.of();

  private static final Set<String> FILES = new TreeSet<>();

  @TempDir Path folder;

  @BeforeAll
  static void find() throws IllegalAccessException, IOException {
    Map<String, KernelSource> found = new LinkedHashMap<>();
    for (JavaClass each :
        new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.hydra")) {
      for (JavaField field : each.getFields()) {
        if (field.getModifiers().contains(JavaModifier.STATIC)) {
          programs(field).forEach(program -> found.put(program.text(), program));
        }
      }
    }
    programs = found;
    for (KernelSource program : found.values()) {
      Matcher file = FILE.matcher(program.text());
      while (file.find()) {
        FILES.add(file.group(1));
      }
    }
  }

  private static List<KernelSource> programs(JavaField declared) throws IllegalAccessException {
    String type = declared.getRawType().getName();
    if (!type.equals(KernelSet.class.getName()) && !type.equals(KernelSource.class.getName())) {
      return List.of();
    }
    Field field = declared.reflect();
    field.setAccessible(true);
    Object value = field.get(null);
    return value instanceof KernelSet set ? set.sources() : List.of((KernelSource) value);
  }

  /** A source in a jar that no class names would be compiled by nobody. */
  @Test
  void everyResourceIsPartOfAProgram() throws IOException {
    Set<String> resources = new TreeSet<>();
    Path root = Path.of("").toAbsolutePath().resolve("../../plugins").normalize();
    try (Stream<Path> all = Files.walk(root)) {
      all.filter(path -> path.toString().endsWith(".cu"))
          .filter(path -> path.toString().contains("/src/main/resources/"))
          .forEach(path -> resources.add(path.getFileName().toString()));
    }
    assertThat(resources).hasSizeGreaterThan(30);
    assertThat(FILES).isEqualTo(resources);
  }

  /** Each architecture with one of the types: nvcc takes a second or two for a program. */
  @ParameterizedTest
  @CsvSource({"sm_80, false", "sm_90a, true"})
  void canBeCompiled(String architecture, boolean bfloat16) {
    Compiler compiler = compiler();
    Set<String> problems =
        programs.values().parallelStream()
            .map(program -> new Trial(program, macros(program, bfloat16)))
            .flatMap(trial -> trial.problem(compiler, architecture))
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(problems).isEmpty();
  }

  private static Map<String, Integer> macros(KernelSource program, boolean bfloat16) {
    Map<String, Integer> macros = new TreeMap<>(COMMON);
    TYPES.forEach(type -> macros.put(type, bfloat16 ? 1 : 0));
    macros.put("IN_FP32", bfloat16 ? 0 : 1);
    macros.put("DT_FP32", bfloat16 ? 0 : 1);
    if (!bfloat16) { // twice as many bytes: fewer at a time
      macros.put("VECTOR", 4);
      macros.put("CHUNK", 64);
      macros.put("DOCUMENTS", 0);
      macros.put("SLICED", 0);
      macros.put("RESIDUAL", 0);
    }
    macros.putAll(OWN.getOrDefault(program.name(), Map.of()));
    macros.keySet().removeIf(macro -> !isMacroOf(program, macro));
    return macros;
  }

  /** Whether a program uses it, and does not itself declare something of that name. */
  private static boolean isMacroOf(KernelSource program, String name) {
    String text = program.text();
    boolean own = text.contains("#define " + name + " ") && !text.contains("#ifndef " + name);
    return text.contains(name)
        && !own
        && !Pattern.compile("constexpr \\w+ " + name + "\\b").matcher(text).find();
  }

  private record Trial(KernelSource program, Map<String, Integer> macros) {
    Stream<String> problem(Compiler compiler, String architecture) {
      return compiler.problem(this, architecture).stream()
          .map(problem -> program.name() + " with " + macros + ": " + problem);
    }
  }

  @FunctionalInterface
  private interface Compiler {
    Optional<String> problem(Trial trial, String architecture);
  }

  private Compiler compiler() {
    try {
      assertThat(KernelCompiler.version()).isNotEmpty();
      return KernelSourcesTest::byNvrtc;
    } catch (KernelException e) {
      assumeTrue(onPath("nvcc"), "neither NVRTC nor nvcc is here: " + e.getMessage());
      return this::byNvcc;
    }
  }

  private static boolean onPath(String program) {
    return Stream.of(System.getenv().getOrDefault("PATH", "").split(":", -1))
        .anyMatch(each -> Files.isExecutable(Path.of(each, program)));
  }

  private static Optional<String> byNvrtc(Trial trial, String architecture) {
    try {
      KernelCompiler.compile(trial.program(), architecture, trial.macros());
      return Optional.empty();
    } catch (KernelException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  private Optional<String> byNvcc(Trial trial, String architecture) {
    try {
      Path source = Files.createTempFile(folder, "program", ".cu");
      Files.writeString(source, trial.program().text());
      List<String> command = new ArrayList<>(List.of("nvcc", "-cubin", "-std=c++17"));
      command.addAll(List.of("-arch=" + architecture, "-o", source + ".cubin", source.toString()));
      trial.macros().forEach((macro, value) -> command.add("-D" + macro + "=" + value));
      Process nvcc = new ProcessBuilder(command).redirectErrorStream(true).start();
      String said = new String(nvcc.getInputStream().readAllBytes(), UTF_8);
      return nvcc.waitFor() == 0 ? Optional.empty() : Optional.of("nvcc: " + said);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
