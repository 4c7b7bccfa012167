// SPDX-License-Identifier: GPL-2.0
/*
 * Platform devices for drivers that no node of a device tree comes to, since they look for a
 * name alone, as board files gave them. A node of the lab's own says what such a file would:
 *
 *	compatible = "dmabuf-contract,platform";
 *	device = "NAME";		what the driver looks for
 *	reg = <...>;			its memory
 *	components = <&NODE ...>;	the names of these nodes' devices become its platform
 *					data, an array of strings behind which there is NULL
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>

#define MOST 4

static int lab_platform_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	const char *names[MOST + 1] = { };
	struct platform_device_info info = {
		.id = PLATFORM_DEVID_NONE,
		.res = pdev->resource,
		.num_res = pdev->num_resources,
		.data = names,
		.size_data = sizeof(names),
		.dma_mask = DMA_BIT_MASK(32),
	};
	struct platform_device *made;
	int i;

	if (of_property_read_string(dev->of_node, "device", &info.name))
		return -EINVAL;
	for (i = 0; i < MOST; i++) {
		struct device_node *node = of_parse_phandle(dev->of_node, "components", i);
		struct platform_device *component = of_find_device_by_node(node);

		of_node_put(node);
		if (!component)
			break;
		names[i] = devm_kstrdup(dev, dev_name(&component->dev), GFP_KERNEL);
		put_device(&component->dev);
		if (!names[i])
			return -ENOMEM;
	}
	made = platform_device_register_full(&info);
	return PTR_ERR_OR_ZERO(made);
}

static const struct of_device_id lab_platform_of_match[] = {
	{ .compatible = "dmabuf-contract,platform" },
	{ }
};

static struct platform_driver lab_platform_driver = {
	.probe = lab_platform_probe,
	.driver = {
		.name = "lab-platform",
		.of_match_table = lab_platform_of_match,
		.suppress_bind_attrs = true,
	},
};

/* Without an exit it stays, as do the names that it made. */
static int __init lab_platform_init(void)
{
	return platform_driver_register(&lab_platform_driver);
}
module_init(lab_platform_init);

MODULE_DESCRIPTION("Platform devices that a device tree describes");
MODULE_LICENSE("GPL");
