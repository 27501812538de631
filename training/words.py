"""The words of the captions, English and Chinese, by attribute. Index = the attribute's index in ``training.scenes``."""

from __future__ import annotations

SHAPES_EN = (
    ("circle", "disc", "ball", "circle"), ("square", "box", "square"), ("triangle",), ("star",),
    ("heart",), ("ring", "hoop", "donut", "ring"), ("cross", "plus sign", "cross"),
    ("moon", "crescent", "crescent moon", "moon"), ("flower", "daisy", "blossom", "flower"),
    ("house", "home", "cottage", "house"), ("tree", "pine tree", "fir tree", "tree"),
    ("boat", "sailboat", "ship", "sailing boat", "boat"),
)  # fmt: skip
PLURALS_EN = (
    "circles", "squares", "triangles", "stars", "hearts", "rings", "crosses", "moons", "flowers", "houses",
    "trees", "boats",
)  # fmt: skip
SHAPES_ZH = (
    ("圆", "圆形", "圆圈", "球"), ("正方形", "方块", "方形"), ("三角形", "三角"), ("星星", "星", "五角星", "星形"),
    ("心", "爱心", "心形", "红心"), ("圆环", "环", "环形"), ("十字", "十字形", "加号"),
    ("月亮", "弯月", "月牙", "新月"), ("花", "花朵", "鲜花"), ("房子", "屋子", "房屋"), ("树", "松树", "树木"),
    ("船", "帆船", "船只"),
)  # fmt: skip
MEASURES_ZH = (
    ("个",), ("个",), ("个",), ("颗", "个", "只"), ("颗", "个"), ("个", "只"), ("个",), ("轮", "弯", "个"),
    ("朵", "个"), ("座", "栋", "个"), ("棵", "个"), ("艘", "条", "只"),
)  # fmt: skip
COLOURS_EN = (
    ("red", "red", "scarlet", "crimson"), ("orange",), ("yellow", "yellow", "golden"), ("green", "green", "emerald"),
    ("teal", "turquoise", "cyan"), ("blue",), ("purple", "purple", "violet"), ("pink",), ("brown",), ("white",),
    ("grey", "gray"), ("black",),
)  # fmt: skip
COLOURS_ZH = (
    ("红色", "红", "大红色"), ("橙色", "橘色", "橘黄色", "橙"), ("黄色", "黄", "金色", "金黄色"), ("绿色", "绿", "翠绿色"),
    ("青色", "青绿色", "蓝绿色"), ("蓝色", "蓝"), ("紫色", "紫"), ("粉色", "粉红色", "粉红"),
    ("棕色", "褐色", "咖啡色"), ("白色", "白"), ("灰色", "灰"), ("黑色", "黑"),
)  # fmt: skip
SIZES_EN = (("small", "tiny", "little"), ("medium", "medium-sized"), ("large", "big", "huge"))
SIZES_ZH = (("小", "小小的", "很小的"), ("中等大小的", "中等的"), ("大", "大大的", "巨大的", "很大的"))
_LEFT, _RIGHT = ("on the left", "on the left side", "at the left"), ("on the right", "on the right side", "at the right")
_TOP, _BOTTOM = ("at the top", "up high", "in the upper part"), ("at the bottom", "down low", "in the lower part")
PLACES_EN = {  # (px, py)
    (0, -1): _LEFT, (2, -1): _RIGHT, (-1, 0): _TOP, (-1, 2): _BOTTOM,
    (0, 0): ("in the top left", "in the upper left corner", "at the top left"),
    (2, 0): ("in the top right", "in the upper right corner", "at the top right"),
    (0, 2): ("in the bottom left", "in the lower left corner", "at the bottom left"),
    (2, 2): ("in the bottom right", "in the lower right corner", "at the bottom right"),
    (1, 1): ("in the middle", "in the centre", "in the center", "centered"),
    (1, 0): ("at the top centre", "at the top in the middle", "in the top center"),
    (1, 2): ("at the bottom centre", "at the bottom in the middle", "in the bottom center"),
    (0, 1): ("in the middle left", "at the centre left"), (2, 1): ("in the middle right", "at the centre right"),
}  # fmt: skip
PLACES_ZH = {
    (0, -1): ("左边", "左侧", "左面"), (2, -1): ("右边", "右侧", "右面"), (-1, 0): ("上方", "上面", "顶部"),
    (-1, 2): ("下方", "下面", "底部"), (0, 0): ("左上角", "左上方"), (2, 0): ("右上角", "右上方"),
    (0, 2): ("左下角", "左下方"), (2, 2): ("右下角", "右下方"), (1, 1): ("中间", "中央", "正中间", "中心"),
    (1, 0): ("上方中间", "顶部中央"), (1, 2): ("下方中间", "底部中央"), (0, 1): ("左边中间", "左侧中央"),
    (2, 1): ("右边中间", "右侧中央"),
}  # fmt: skip
PICTURED_EN = {
    2: ("in the night sky", "at night", "under the stars", "on a starry night", "in a starry sky", "night sky"),
    3: ("on a meadow", "in a meadow", "on the grass", "in a green field", "on green hills", "in a sunny meadow"),
    4: ("on the sea", "at sea", "on the ocean", "over the water", "by the sea", "in the ocean"),
}
PICTURED_ZH = {
    2: ("夜空", "夜空中", "夜空里", "星空下", "夜晚", "星空"),
    3: ("草地上", "草地", "草原上", "田野上", "绿色的草地上"),
    4: ("海上", "大海上", "海面上", "海边", "大海", "水面上"),
}
PLAIN_EN = (
    "on a {c} background", "against a {c} background", "{c} background", "on a plain {c} background", "on {c}",
    "in front of a {c} background", "with a {c} background",
)  # fmt: skip
GRADIENT_EN = ("on a {c} gradient", "on a {c} gradient background", "{c} gradient background", "with a {c} gradient")
PLAIN_ZH = ("{c}背景", "{c}背景上", "{c}的背景上", "{c}的背景", "纯{c}背景")
GRADIENT_ZH = ("{c}渐变背景", "{c}渐变背景上", "{c}的渐变背景", "{c}渐变")
STYLES_EN = (  # (before the noun phrase, after it)
    (("an illustration of", "a 3d render of"), ("illustration", "as an illustration", "3d render", "clay style")),
    (
        ("a watercolour of", "a watercolor painting of", "an oil painting of", "a painting of"),
        ("watercolour", "watercolor", "as a watercolour", "as a watercolour painting", "as an oil painting",
         "oil painting", "watercolor style", "in watercolour", "painted"),
    ),
    (
        ("a neon sign of", "a neon outline of", "a glowing neon"),
        ("neon", "as a neon sign", "neon light", "neon style", "glowing outline", "neon sign", "in neon"),
    ),
)  # fmt: skip
STYLES_ZH = (
    (("一张插画，",), ("插画", "插画风格", "立体风格")),
    (("一幅水彩画，", "一幅油画，"), ("水彩", "水彩画", "水彩风格", "油画", "油画风格", "水彩画风格")),
    (("霓虹灯风格的", "霓虹"), ("霓虹", "霓虹灯", "霓虹风格", "霓虹灯风格", "发光轮廓")),
)
ARRANGED_EN = (
    ("to the left of", "left of", "on the left of"), ("to the right of", "right of", "on the right of"),
    ("above", "over", "on top of"), ("below", "under", "beneath"),
)  # fmt: skip
ARRANGED_ZH = (("左边", "左侧"), ("右边", "右侧"), ("上面", "上方"), ("下面", "下方"))
GENERIC_EN = ("shape", "object", "thing", "figure", "something")
GENERIC_ZH = ("形状", "东西", "物体", "图形")
UNKNOWN_EN = (
    "cat", "dog", "bird", "car", "robot", "castle", "dragon", "horse", "person", "woman", "man", "girl", "boy",
    "astronaut", "fox", "rabbit", "mountain", "forest", "city", "street", "portrait", "wizard", "cup",
    "apple", "banana", "guitar", "train", "bridge", "lamp", "river", "butterfly", "elephant", "owl", "cactus",
)  # fmt: skip
UNKNOWN_ZH = "猫狗鸟车马鱼龙人山森林城市街道苹果香蕉火车桥灯河蝴蝶大象兔狐狸机器女孩男老虎"
PREFIX_EN = (
    "a picture of", "a photo of", "an image of", "a drawing of", "picture of", "a nice picture of", "this is", "there is",
)  # fmt: skip
SUFFIX_EN = (
    "beautiful", "high quality", "masterpiece", "best quality", "detailed", "highly detailed", "4k", "8k", "pretty",
    "lovely", "simple", "colourful", "minimal", "soft light", "sharp", "artistic", "cute", "elegant",
)  # fmt: skip
PREFIX_ZH = ("一张图片，", "一幅画，", "图中有", "画面中有", "画着", "一张照片，", "这是")
SUFFIX_ZH = ("高质量", "精美", "好看", "美丽", "可爱", "漂亮", "简单", "细节丰富", "最佳质量", "杰作")
