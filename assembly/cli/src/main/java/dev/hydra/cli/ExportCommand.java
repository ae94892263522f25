package dev.hydra.cli;

import dev.hydra.cli.common.UsageException;
import dev.hydra.composer.model.Components;
import dev.hydra.huggingface.HuggingFace;
import dev.hydra.trainer.run.Checkpoint;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Takes models to where others use them. */
@Command(
    name = "export",
    description = "Exports models that were imported.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "hf")
final class ExportCommand extends CommandGroup {
  private final Components components;

  ExportCommand(Components components) {
    this.components = components;
  }

  @Command(
      name = "hf",
      description = {
        "Exports a model to the format of Hugging Face transformers, as it was imported or trained"
            + " further.",
        "Weights that did not change are the same byte by byte."
      },
      mixinStandardHelpOptions = true)
  int hf(
      @Parameters(
              paramLabel = "MODEL",
              description =
                  "An imported model, a checkpoint, or a run folder, whose newest intact checkpoint"
                      + " is used.")
          Path model,
      @Option(
              names = "--out",
              required = true,
              paramLabel = "DIR",
              description = "The folder to make.")
          Path out,
      @Option(
              names = "--config",
              paramLabel = "FILE",
              description =
                  "The config.json to write (default: hf-config.json of MODEL, which the import"
                      + " keeps).")
          @Nullable Path config,
      @Mixin AveragesOption averages)
      throws IOException {
    PrintWriter writer = spec.commandLine().getOut();
    TransferProgress progress = new TransferProgress(writer, Boolean.getBoolean("hydra.terminal"));
    Checkpoint checkpoint = ModelFolder.checkpoint(model);
    if (checkpoint.growing().growing()) {
      throw new UsageException(
          checkpoint.folder()
              + " was written while paths grew in, which the format has no place for; export a"
              + " checkpoint from after the growth");
    }
    for (String note :
        HuggingFace.exportModel(
            checkpoint.folder(),
            averages.of(checkpoint),
            Optional.ofNullable(config),
            out,
            components,
            progress)) {
      spec.commandLine().getErr().println("hydra: " + note);
    }
    writer.println("written to " + out.toAbsolutePath().normalize());
    return 0;
  }
}
