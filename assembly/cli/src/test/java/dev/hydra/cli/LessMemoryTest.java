package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.PluginRegistry;
import dev.hydra.bench.Shape;
import dev.hydra.cli.plugins.FixedPlugins;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Recompute;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.ffn.dense.SwigluFactory;
import dev.hydra.libtorch.runtime.OutOfMemory;
import dev.hydra.optim.AdamWFactory;
import dev.hydra.optim.CosineScheduleFactory;
import dev.hydra.optim.OptimizerSettings;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** What commands say of a CUDA device that has no memory left. */
class LessMemoryTest {
  private static final Pattern OPTION = Pattern.compile("--[a-z-]+");
  private static final double MIB = 1 << 20;

  private static OutOfMemory refused(double mebibytes) {
    return new OutOfMemory(
        OutOfMemory.Kind.CUDA,
        OptionalDouble.of(MIB),
        Optional.of("cuda:0"),
        OptionalDouble.of(mebibytes * MIB),
        OptionalDouble.of(0),
        OptionalDouble.of(mebibytes * MIB));
  }

  private static void collect(CommandLine line, List<CommandLine> found) {
    if (line.getCommandSpec().findOption("--device") != null) {
      found.add(line);
    }
    line.getSubcommands().values().stream().distinct().forEach(each -> collect(each, found));
  }

  private static List<CommandLine> onDevices() {
    PluginRegistry plugins =
        PluginRegistry.load(LessMemoryTest.class.getClassLoader(), warning -> {});
    List<CommandLine> found = new ArrayList<>();
    collect(
        Main.commandLine(
            new Commands(new FixedPlugins(plugins), NativeFiles.unchecked()), new StringWriter()),
        found);
    return found;
  }

  @Test
  void everyCommandWithADeviceKnowsWhichOfItsOptionsTakeLess() {
    List<CommandLine> commands = onDevices();
    assertThat(commands).hasSizeGreaterThan(10);
    for (CommandLine each : commands) {
      String name = each.getCommandSpec().qualifiedName();
      Object command = each.getCommand();
      assertThat(command).as(name).isInstanceOf(LessMemory.class);
      String said = ((LessMemory) command).lessMemory(refused(100));
      assertThat(said).as(name).startsWith("Less is taken with ").endsWith(".");
      Matcher option = OPTION.matcher(said);
      while (option.find()) {
        assertThat(each.getCommandSpec().findOption(option.group()))
            .as(name + " " + option.group())
            .isNotNull();
      }
    }
  }

  private static FittingShapes shapes(Recompute recompute) {
    ModelSpec spec =
        ModelSpec.read(
            ConfigFactory.parseString(
                "model { vocab-size = 256, width = 64, depth = 4"
                    + ", block.paths = [{ ffn { type = swiglu, hidden = 256 } }] }"));
    return new FittingShapes(
        spec,
        Components.of(new SwigluFactory()),
        ScalarType.BFloat16,
        new Shape(8, 4096),
        recompute,
        OptimizerSettings.read(
            ConfigFactory.parseString("learning-rate = 1"),
            PluginRegistry.of(new AdamWFactory(), new CosineScheduleFactory())));
  }

  @Test
  void aBenchmarkNamesShapesThatArePredictedToFit() {
    assertThat(shapes(Recompute.NONE).text(refused(150)))
        .matches(
            "A step of it is predicted to take [\\d.]+ MiB; predicted to fit: --shape 8x4096 --set"
                + " trainer.recompute=full \\([\\d.]+ MiB\\); .*--shape [1-4]x4096 \\([\\d.]+"
                + " MiB\\)\\.");
    assertThat(shapes(Recompute.FULL).text(refused(100)))
        .contains("--shape ")
        .doesNotContain("trainer.recompute");
    assertThat(shapes(Recompute.NONE).text(refused(1)))
        .endsWith(" MiB, and no shape is predicted to fit: take a smaller model.");
    OutOfMemory unknown =
        OutOfMemory.in(new RuntimeException("CUDA error: out of memory")).orElseThrow();
    assertThat(shapes(Recompute.NONE).text(unknown))
        .matches("A step of it is predicted to take [\\d.]+ MiB\\.");
  }
}
